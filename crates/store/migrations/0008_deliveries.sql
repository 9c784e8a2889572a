-- What goes out is no longer about conversions alone, waits in order without being searched for, and each target has a
-- state of its own.

-- `subject`: what must reach a target in order, a conversion or the delivery itself. `next_at` is when it is due; while
-- it is under way, when its lease ends; 9223372036854775807 while an earlier one of its subject is pending. `first_at`:
-- when it was to be made at first, or again by a person's word; its age counts from there. `trial`: a test that a
-- person asked for, made even to a target that is paused.
create table delivery_now (
    number integer not null primary key,
    id blob not null,
    at integer not null,
    target text not null,
    partner text,
    subject blob not null,
    click_id blob,
    conversion_id blob,
    postback_id blob,
    happening text not null,
    "values" text not null,
    state text not null,
    attempts integer not null,
    first_at integer not null,
    next_at integer not null,
    lease_until integer not null,
    last_error text,
    trial integer not null default 0,
    constraint delivery_once unique (id)
) strict;
insert into delivery_now (number, id, at, target, partner, subject, click_id, conversion_id, postback_id, happening,
        "values", state, attempts, first_at, next_at, lease_until, last_error)
    select number, id, at, target, partner, conversion_id,
        (select click_id from conversion where conversion.id = delivery.conversion_id), conversion_id, postback_id,
        happening, "values", state, attempts, at,
        case when state = 'pending' and exists (select 1 from delivery as earlier
                where earlier.conversion_id = delivery.conversion_id and earlier.target = delivery.target
                    and earlier.number < delivery.number and earlier.state = 'pending')
            then 9223372036854775807 else max(next_at, lease_until) end,
        lease_until, last_error
    from delivery order by number;
drop table delivery;
alter table delivery_now rename to delivery;
create index delivery_due on delivery (target, next_at) where state = 'pending';
-- Newest subjects first, where a backlog is drained.
create index delivery_backlog on delivery (target, subject) where state = 'pending';
create index delivery_subject on delivery (subject, target, number);
create index delivery_trial on delivery (target) where trial = 1 and state = 'pending';
create index delivery_target on delivery (target, number);

-- How an attempt went in detail: microseconds by phase where the phase took place, the address connected to, and the
-- answer's headers, one `name: value` in a line.
alter table attempt add column dns_us integer;
alter table attempt add column connect_us integer;
alter table attempt add column tls_us integer;
alter table attempt add column first_byte_us integer;
alter table attempt add column address text not null default '';
alter table attempt add column headers text not null default '';

-- How targets are doing; one that never failed has no row. `tested_as` is what its definition was when a test
-- delivery was seen.
create table target_health (
    target text not null primary key,
    unanswered integer not null,
    open_until integer,
    failing_since integer,
    failed integer not null,
    alerted integer not null,
    paused text,
    paused_at integer,
    paused_by text not null,
    paused_why text not null,
    resumed_at integer,
    tested_at integer,
    tested_as text not null
) strict;

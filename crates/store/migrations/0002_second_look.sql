-- What a second look at a postback needs: caps and fraud rules count the past, people accept and reject, and a
-- replay makes the decision again from what was known when it was made first.

alter table conversion add column subscription text;
-- The day of its arrival in the program's time zone, counted from 1970-01-01.
alter table conversion add column day integer not null default 0;
alter table conversion add column counts integer not null default 0;
create index conversion_subscription on conversion (advertiser, subscription, id) where subscription is not null;
create index conversion_held on conversion (id) where held is not null;

-- `postback` or `pixel`.
alter table postback add column channel text not null default 'postback';
-- From the request's arrival to its decision, before the commit.
alter table postback add column duration_us integer not null default 0;
-- The place of its last decision in the order of all decisions, the number of the last change that was known then,
-- and the answers of the past to what was asked.
alter table postback add column place integer not null default 0;
alter table postback add column known_changes integer not null default 0;
alter table postback add column answers text;
create index postback_held on postback (id) where outcome = 'held';

-- The whole state of the conversion after the change.
alter table change add column after text not null default '{}';

-- At which decision a key was taken. Those that postbacks took while they waited and gave back when they were
-- decided again are kept with both ends.
alter table conversion_key add column taken_at integer not null default 0;
-- The click that its taker named then; of a key taken before this, its postback knows.
alter table conversion_key add column click_id blob;
create table freed_key (
    advertiser text not null,
    txid text not null,
    event text not null,
    postback_id blob not null,
    taken_at integer not null,
    freed_at integer not null,
    click_id blob,
    primary key (advertiser, txid, event, taken_at)
) strict, without rowid;

-- Scopes that have had caps since they were last counted afresh, and the conversions that count in them by day.
create table cap_scope (
    scope text not null primary key
) strict, without rowid;
create table cap_count (
    scope text not null,
    day integer not null,
    count integer not null,
    primary key (scope, day)
) strict, without rowid;

-- Conversions by what the fraud rules ask for: an address, a partner, a sub id.
create table sighting (
    number integer not null primary key,
    subject text not null,
    at integer not null,
    click_id blob not null
) strict;
create index sighting_subject on sighting (subject, at);

-- What people did, in order; never changed.
create table audit (
    number integer not null primary key,
    at integer not null,
    actor text not null,
    action text not null,
    subject text not null,
    reason text not null
) strict;
create trigger audit_never_changed before update on audit
begin select raise(abort, 'the audit log is never changed'); end;
create trigger audit_never_removed before delete on audit
begin select raise(abort, 'the audit log is never cut'); end;

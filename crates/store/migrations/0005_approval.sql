-- Conversions that time approves, and what people set by hand.

-- When time approves it; set only while it is pending and nothing else holds it.
alter table conversion add column approve_at integer;
create index conversion_approve_at on conversion (approve_at) where approve_at is not null;

-- Answers to requests that moved something, by the caller's own key: the same request again gets the same answer.
create table idempotency (
    actor text not null,
    key text not null,
    at integer not null,
    request blob not null,
    answer text not null,
    primary key (actor, key)
) strict, without rowid;

-- What reports count. Clicks are facts as they are; what happens later is a row of `fact`, written with the decision.
-- Once an hour has ended its facts are sealed into Parquet files, which are registered here in the transaction that
-- frees the rows.

-- In the order in which they were booked; `body` holds all facts of one decision.
create table fact (
    number integer not null primary key,
    at integer not null,
    body text not null
) strict;

-- Clicks that come in when those of their time are sealed already: of a spill file, after a long outage.
create table late_click (
    number integer not null primary key,
    tail integer not null,
    at integer not null,
    link text not null,
    partner text not null,
    offer text not null,
    advertiser text not null,
    details text not null
) strict;

-- A sealed file. `kind` is `clicks` or `events`, `day` counts UTC days from 1970-01-01; `first` and `last` are click
-- numbers or numbers of facts, `rows` those of the file. Times are the earliest and the latest of each kind in it.
-- `sums` is what its columns sum to, `hash` SHA-256 of its bytes.
create table fact_file (
    number integer not null primary key,
    kind text not null,
    day integer not null,
    path text not null,
    at integer not null,
    rows integer not null,
    bytes integer not null,
    first integer not null,
    last integer not null,
    click_from integer,
    click_to integer,
    event_from integer not null,
    event_to integer not null,
    booked_from integer not null,
    booked_to integer not null,
    raw integer not null,
    sums text not null,
    hash blob not null,
    -- A JSON list of the currencies that its money is in.
    currencies text not null,
    constraint fact_file_once unique (path)
) strict;
create index fact_file_kind on fact_file (kind, day);

-- One row. Click rows below `clicks_until` and facts up to `facts_until` are in files: what is left of them is being
-- cleared away. `version` counts the changes of what is sealed.
create table fact_state (
    one integer not null primary key,
    clicks_until integer not null,
    facts_until integer not null,
    version integer not null,
    constraint fact_state_one check (one = 1)
) strict;
insert into fact_state (one, clicks_until, facts_until, version) values (1, -9223372036854775807 - 1, 0, 0);

-- What was removed because it was kept long enough: so many rows of the log and of the outbox were counted before.
create table forgotten (
    kind text not null,
    outcome text not null,
    reason text not null,
    count integer not null,
    primary key (kind, outcome, reason)
) strict, without rowid;

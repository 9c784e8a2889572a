-- What is paid to partners and asked of advertisers, and the exchange rates that money was converted by.

-- The rate that went into an entry's amount, in words; empty where none did.
alter table entry add column rate text not null default '';

-- Set while something of a conversion is on its partner's approved account, or its advertiser's due one, that no
-- payout or invoice has taken up yet: from when on one may.
alter table conversion add column payable_at integer;
alter table conversion add column billable_at integer;
create index conversion_payable on conversion (partner, payable_at) where payable_at is not null;
create index conversion_billable on conversion (advertiser, billable_at) where billable_at is not null;
-- Caps and tiers of partners that are new are counted from here once.
create index conversion_counted on conversion (partner, offer, event, day) where counts = 1;
update conversion set payable_at = event_at, billable_at = event_at
    where held is null and status in ('approved', 'rejected', 'reversed');

-- A payout to a partner or an invoice to an advertiser. `amount` is the sum of its lines in millionths.
create table settlement (
    number integer not null primary key,
    id blob not null,
    kind text not null,
    party text not null,
    currency text not null,
    up_to text not null,
    at integer not null,
    author text not null,
    state text not null,
    changed_at integer not null,
    amount integer not null,
    lines integer not null,
    constraint settlement_once unique (id),
    constraint settlement_positive check (amount > 0)
) strict;
create index settlement_party on settlement (kind, party, number);

-- What a settlement takes up of each conversion; negative where it was taken back after it had been paid.
-- `since` is the time that it gives back where the settlement is cancelled.
create table settlement_line (
    settlement integer not null,
    conversion_id blob not null,
    amount integer not null,
    since integer not null,
    primary key (settlement, conversion_id)
) strict, without rowid;
create index settlement_line_conversion on settlement_line (conversion_id);

-- On `day`, one unit of `base` is worth `rate` units of `currency`. A rate that was corrected stands behind the one
-- that it corrects.
create table rate (
    number integer not null primary key,
    day integer not null,
    base text not null,
    currency text not null,
    rate text not null,
    at integer not null,
    author text not null
) strict;
create index rate_pair on rate (base, currency, day);
create trigger rate_never_changed before update on rate
begin select raise(abort, 'rates are never changed'); end;
create trigger rate_never_removed before delete on rate
begin select raise(abort, 'rates are never removed'); end;

-- The last rate that was known when a postback was decided last.
alter table postback add column known_rates integer not null default 0;
create index postback_rate_missing on postback (id) where outcome = 'held' and reason = 'rate_missing';

-- What was refused is found by its txid when somebody asks for it.
alter table postback add column named_txid text generated always as (json_extract(fields, '$.txid')) virtual;
create index postback_refused on postback (advertiser, named_txid) where outcome = 'rejected';

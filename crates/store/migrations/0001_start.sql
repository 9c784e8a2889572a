-- The spine: what comes in (clicks, postbacks), what it becomes (conversions, changes, entries),
-- what goes out (deliveries, attempts), and the program that all of it was decided under.
-- Ids come in order of time and rows are kept as they come, so that writing appends.
-- Amounts are millionths of the currency's unit. Times are Unix milliseconds.

create table setting (
    name text not null primary key,
    value blob not null
) strict;

create table program_revision (
    revision integer not null primary key,
    at integer not null,
    author text not null,
    source text not null
) strict;

-- A number is given once and never to another link, because click ids carry it for ever.
create table link_number (
    number integer not null primary key,
    link text not null,
    constraint link_number_link unique (link)
) strict;

create table token (
    id blob not null primary key,
    at integer not null,
    name text not null,
    role text not null,
    hash blob not null,
    constraint token_hash unique (hash)
) strict;

-- `number` is the time and the serial of the click id, `tail` the rest of it: rows come in the order of their
-- key, so that writing appends to the last page.
create table click (
    number integer not null primary key,
    tail integer not null,
    at integer not null,
    link text not null,
    partner text not null,
    offer text not null,
    advertiser text not null,
    details text not null
) strict;

-- The request as it may be stored, and the decision made on it last.
create table postback (
    id blob not null primary key,
    at integer not null,
    method text not null,
    path text not null,
    ip text not null,
    params text not null,
    fields text not null,
    advertiser text,
    click_id blob,
    -- The smallest click id that the damaged one could have been.
    likely blob,
    outcome text not null,
    reason text not null,
    message text not null,
    field text not null,
    advice text not null,
    checks text not null,
    conversion_id blob,
    status text,
    decided_at integer not null,
    revision integer not null
) strict;
create index postback_click on postback (click_id) where click_id is not null;
create index postback_likely on postback (likely) where likely is not null;
create index postback_reason on postback (reason, id);

-- What was decided on a postback before it was decided again.
create table earlier_decision (
    postback_id blob not null,
    number integer not null,
    decided_at integer not null,
    outcome text not null,
    reason text not null,
    message text not null,
    checks text not null,
    revision integer not null,
    primary key (postback_id, number)
) strict;

-- Postbacks that are decided again when what they wait for arrives.
create table waiting (
    postback_id blob not null primary key,
    at integer not null,
    click_id blob,
    advertiser text not null,
    original_txid text
) strict;
create index waiting_click on waiting (click_id) where click_id is not null;
create index waiting_original on waiting (advertiser, original_txid) where original_txid is not null;

create table conversion (
    id blob not null primary key,
    at integer not null,
    event_at integer not null,
    advertiser text not null,
    offer text not null,
    event text not null,
    partner text not null,
    link text not null,
    click_id blob not null,
    txid text,
    status text not null,
    held text,
    changed_at integer not null,
    money text not null
) strict;
create index conversion_click on conversion (click_id, id);

-- The judge of duplicates: one taker per advertiser, txid and event, for ever.
create table conversion_key (
    advertiser text not null,
    txid text not null,
    event text not null,
    conversion_id blob,
    postback_id blob not null,
    constraint conversion_key_once primary key (advertiser, txid, event)
) strict, without rowid;
-- Keys of postbacks that wait; they are freed when those are decided again.
create index conversion_key_waiting on conversion_key (postback_id) where conversion_id is null;

-- `number` is the order in which changes were made.
create table change (
    number integer not null primary key,
    id blob not null,
    conversion_id blob not null,
    postback_id blob not null,
    at integer not null,
    event text not null,
    txid text,
    named text not null,
    status text not null,
    amount integer,
    currency text,
    reason text not null,
    -- The named revenue and payout that stand after the change.
    standing text not null,
    constraint change_once unique (id)
) strict;
create index change_conversion on change (conversion_id, number);

-- The journal: only ever added to, in the order of `number`.
create table entry (
    number integer not null primary key,
    id blob not null,
    at integer not null,
    debit text not null,
    credit text not null,
    amount integer not null,
    currency text not null,
    conversion_id blob,
    postback_id blob,
    reason text not null,
    constraint entry_once unique (id),
    constraint entry_positive check (amount > 0),
    constraint entry_moves check (debit <> credit)
) strict;
create index entry_debit on entry (debit, currency, amount);
create index entry_credit on entry (credit, currency, amount);
create index entry_conversion on entry (conversion_id) where conversion_id is not null;
create trigger entry_never_changed before update on entry
begin select raise(abort, 'entries are never changed'); end;
create trigger entry_never_removed before delete on entry
begin select raise(abort, 'entries are never removed'); end;

-- The outbox. `number` is the order in which deliveries were planned.
create table delivery (
    number integer not null primary key,
    id blob not null,
    at integer not null,
    target text not null,
    partner text not null,
    conversion_id blob not null,
    postback_id blob not null,
    happening text not null,
    "values" text not null,
    state text not null,
    attempts integer not null,
    next_at integer not null,
    lease_until integer not null,
    last_error text,
    constraint delivery_once unique (id)
) strict;
create index delivery_due on delivery (target, next_at, lease_until) where state = 'pending';
create index delivery_order on delivery (conversion_id, target, number);

create table attempt (
    delivery_id blob not null,
    number integer not null,
    at integer not null,
    request text not null,
    status integer,
    error text,
    duration_ms integer not null,
    answer text not null,
    primary key (delivery_id, number)
) strict;

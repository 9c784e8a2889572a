-- The journal proves itself: what is written is sealed in batches that are chained by their hashes, what stood on
-- each account after a seal is kept beside it, and a period that is closed takes no further entries.

-- What an entry is for (commission, adjustment, refund ...), and the payout that settled it.
alter table entry add column kind text not null default '';
alter table entry add column settlement_id blob;

-- Statements are sums over an account and a span of time, read from the index alone.
drop index entry_debit;
drop index entry_credit;
create index entry_debit on entry (debit, at, currency, amount, kind);
create index entry_credit on entry (credit, at, currency, amount, kind);

-- `hash` is over the hash of the seal before and every column of the entries `first_entry` to `last_entry`.
create table seal (
    number integer not null primary key,
    first_entry integer not null,
    last_entry integer not null,
    at integer not null,
    hash blob not null
) strict;

-- What stood on an account after a seal whose entries moved it: `units` and `micros` (0 to 999,999) of the currency.
-- The newest of an account and currency comes first.
create table seal_balance (
    account text not null,
    currency text not null,
    seal integer not null,
    units integer not null,
    micros integer not null,
    primary key (account, currency, seal desc)
) strict, without rowid;

-- Entries before `until_ms` are final; `last_entry` and `hash` are those of the last seal then.
create table period_close (
    number integer not null primary key,
    until_ms integer not null,
    day text not null,
    at integer not null,
    actor text not null,
    last_entry integer not null,
    hash blob not null,
    constraint period_close_until unique (until_ms)
) strict;

create trigger seal_never_changed before update on seal
begin select raise(abort, 'seals are never changed'); end;
create trigger seal_never_removed before delete on seal
begin select raise(abort, 'seals are never removed'); end;
create trigger seal_balance_never_changed before update on seal_balance
begin select raise(abort, 'seals are never changed'); end;
create trigger seal_balance_never_removed before delete on seal_balance
begin select raise(abort, 'seals are never removed'); end;
create trigger period_close_never_changed before update on period_close
begin select raise(abort, 'a closed period stays closed'); end;
create trigger period_close_never_removed before delete on period_close
begin select raise(abort, 'a closed period stays closed'); end;
create trigger period_close_forward before insert on period_close
when new.until_ms <= (select max(until_ms) from period_close)
begin select raise(abort, 'a later period is closed already'); end;
create trigger entry_in_open_period before insert on entry
when new.at < (select max(until_ms) from period_close)
begin select raise(abort, 'the period of this entry is closed'); end;

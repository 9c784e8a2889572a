-- Reports that people keep: what is asked for, when it is run by itself and where it goes then, and the hash of the
-- secret in the address from which spreadsheets read it.

-- `query` is a query string; `schedule` a JSON object with `every`, `at` and `tz`, and absent where nothing runs by
-- itself; `goes_to` is `file`, `webhook` or empty. A run is claimed by setting `running_for` to the time it is due for
-- and `next_run_at` to the next one, together: what stands there after a crash is run again.
create table saved_report (
    id text not null primary key,
    name text not null,
    query text not null,
    format text not null,
    schedule text,
    goes_to text not null,
    owner text not null,
    created_at integer not null,
    changed_at integer not null,
    next_run_at integer,
    running_for integer,
    last_run_at integer,
    last_error text not null default '',
    feed blob,
    constraint saved_report_feed_once unique (feed)
) strict;
create index saved_report_due on saved_report (next_run_at) where next_run_at is not null;
create index saved_report_running on saved_report (running_for) where running_for is not null;

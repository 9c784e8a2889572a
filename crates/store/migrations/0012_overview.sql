-- What is shown of an installation as a whole: why a program was applied, and what failed to be delivered lately.

alter table program_revision add column reason text not null default '';

-- Of a delivery that failed, `next_at` is when it ended.
create index delivery_failed on delivery (next_at) where state = 'failed';

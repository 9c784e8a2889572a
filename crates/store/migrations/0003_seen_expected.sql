-- A rejection shows what stood in the field at fault and what should have stood there, each in a column of its
-- own, so that nobody has to read them out of a sentence. `seen` is shortened and masked before it comes here.
-- Postbacks decided before this have neither.

alter table postback add column seen text not null default '';
alter table postback add column expected text not null default '';

-- People who sign in, the links that invite them, what lets a browser in, and the end of access tokens.

-- `password` is an Argon2id hash as a PHC string, empty until an invitation is taken up; `totp` the secret of the second
-- factor in base 32, empty where there is none; `totp_step` the last step whose code was used.
create table person (
    id blob not null primary key,
    at integer not null,
    email text not null,
    name text not null,
    role text not null,
    password text not null,
    totp text not null,
    totp_step integer not null,
    disabled integer not null,
    constraint person_email_once unique (email),
    constraint person_disabled check (disabled in (0, 1))
) strict;

-- One per person at a time; a forgotten password is a new invitation. `hash` is the SHA-256 of the secret in the link.
create table invitation (
    person_id blob not null,
    at integer not null,
    author text not null,
    hash blob not null,
    expires_at integer not null,
    resets_totp integer not null,
    constraint invitation_one_each primary key (person_id),
    constraint invitation_hash_once unique (hash)
) strict;
create index invitation_ends on invitation (expires_at);

-- `hash` is the SHA-256 of what the browser keeps. Of a person, of an access token, or of neither: of the operator's
-- token. `expires_at` moves on with use.
create table session (
    id blob not null primary key,
    at integer not null,
    person_id blob,
    token_id blob,
    hash blob not null,
    seen_at integer not null,
    expires_at integer not null,
    ip text not null,
    user_agent text not null,
    constraint session_hash_once unique (hash),
    constraint session_of_one check (person_id is null or token_id is null)
) strict;
create index session_person on session (person_id);
create index session_token on session (token_id);
create index session_ends on session (expires_at);

-- A token that was revoked stays listed.
alter table token add column revoked_at integer;

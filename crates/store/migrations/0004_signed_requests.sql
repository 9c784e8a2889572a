-- A signed request that was taken has no effects a second time, even where it names no txid. What names it is
-- kept as long as it could pass once more (until its time of signing is too old), and cleared after that.
-- `key` is a keyed hash of the signature, or of the sender's own name for the message.
create table signed_request (
    advertiser text not null,
    key blob not null,
    postback_id blob not null,
    until integer not null,
    constraint signed_request_once primary key (advertiser, key)
) strict, without rowid;
create index signed_request_until on signed_request (until);

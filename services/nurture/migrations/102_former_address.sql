-- Addresses that a lead had before: keyed hashes like all. A stop that comes from an old mail, and an erasure, are about the
-- person and not about one address. Written by the consumer with the move, under the locks of the lead and both contacts.
create table former_address (
    lead_id uuid not null,
    email_hash bytea not null,
    until timestamptz not null,
    constraint former_address_pkey primary key (lead_id, email_hash)
);

-- Mails that a marketer sent to himself: where their links lead, so that they can be tried. In no ledger, to nobody's cap,
-- and without an address. Kept for thirty days.
create table sample (
    message_id uuid constraint sample_pkey primary key,
    -- Whose data filled it; null: a made-up person's.
    lead_id uuid null,
    -- Destinations by link number.
    links text[] not null,
    sent_at timestamptz not null
);
create index sample_at on sample (sent_at);
create index sample_by_lead on sample (lead_id) where lead_id is not null;

-- Whoever said stop after he had confirmed may confirm again: both answers to one question stay.
alter table consent_proof alter column confirmed_at set not null;
alter table consent_proof drop constraint consent_proof_pkey;
alter table consent_proof
    add constraint consent_proof_pkey primary key (email_hash, purpose, asked_at, confirmed_at);

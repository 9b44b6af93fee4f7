-- Who is warmed up, and what was sent to whom. One writer: the nurture role. Lock order, never backwards:
-- lead (by id) < contact (by hash) < enrollment < message. Timers, senders and doors begin at the contact and only read the
-- lead; whoever changes a lead holds its contact too, so what they read stands still.
-- `email_hash` is always the keyed hash of the address under the suppression key; of a lead without an address, of its id.

create table lead (
    lead_id uuid constraint lead_pkey primary key,
    -- What was read of the lead topic.
    incarnation int not null,
    last_sequence int not null,
    email_hash bytea not null,
    stage text not null,
    owner_rep_id text not null default '',
    test boolean not null default false,
    -- Protobuf leadflow.qualification.v1.LeadSnapshot; null after erasure.
    snapshot bytea null,
    erased_at timestamptz null
) with (fillfactor = 80);
create index lead_by_contact on lead (email_hash);

-- The lock root of everything that goes to one address.
create table contact (
    email_hash bytea constraint contact_pkey primary key,
    -- Null: none is known, or it was erased.
    email text null,
    -- IANA name; empty: not known. From the lead's own words, else from its country.
    time_zone text not null default '',
    locale text not null default '',
    country text not null default ''
) with (fillfactor = 80);

-- Of our own facts on the nurture topic, dense per lead. Under the contact's lock.
create table lead_told (
    lead_id uuid constraint lead_told_pkey primary key,
    sequence int not null
) with (fillfactor = 60);

-- The newer word per purpose wins, whoever wrote it: qualification's snapshot or our own doors.
create table consent (
    email_hash bytea not null,
    purpose text not null,
    given boolean not null,
    at timestamptz not null,
    -- lead, one_click, preference_page, double_opt_in.
    source text not null,
    event_id uuid null,
    constraint consent_pkey primary key (email_hash, purpose)
);

-- Never send. Survives erasure: only a keyed hash.
create table suppression (
    email_hash bytea constraint suppression_pkey primary key,
    -- unsubscribed (marketing only), complaint, hard_bounce, erased.
    reason text not null,
    at timestamptz not null,
    constraint suppression_reason check (reason in ('unsubscribed', 'complaint', 'hard_bounce', 'erased'))
);

-- Topics of the preference page.
create table preference (
    email_hash bytea not null,
    topic text not null,
    wanted boolean not null,
    at timestamptz not null,
    constraint preference_pkey primary key (email_hash, topic)
);

-- Double opt-in: what was asked, how, and when it was confirmed.
create table consent_proof (
    email_hash bytea not null,
    purpose text not null,
    text_version text not null,
    asked_at timestamptz not null,
    confirmed_at timestamptz null,
    -- What the confirmation came with; null after erasure.
    address text null,
    source text not null,
    constraint consent_proof_pkey primary key (email_hash, purpose, asked_at)
);

-- Immutable versions; `state` is the same for all versions of a journey.
create table journey (
    journey_id text not null,
    version int not null,
    sha256 bytea not null,
    title text not null,
    -- The YAML, with the texts of its templates.
    body bytea not null,
    published_at timestamptz not null,
    published_by text not null,
    constraint journey_pkey primary key (journey_id, version)
);
create unique index journey_text on journey (journey_id, sha256);

-- One row per journey: what is active. `change_no` tells caches that something changed.
create table journey_state (
    journey_id text constraint journey_state_pkey primary key,
    version int not null,
    paused boolean not null default false
);

create table enrollment (
    enrollment_id uuid constraint enrollment_pkey primary key,
    lead_id uuid not null,
    email_hash bytea not null,
    journey_id text not null,
    version int not null,
    instance_key text not null default '',
    -- 1 active, 2 held out, 3 ended, 4 held out and over.
    state smallint not null,
    step text not null default '',
    -- Due then by itself.
    wake_at timestamptz null,
    timer_attempt smallint not null default 0,
    -- Protobuf State (src/domain/state.rs); null after erasure.
    context bytea null,
    entered_at timestamptz not null,
    ended_at timestamptz null,
    end_reason text not null default '',
    -- The lead was qualified after it had entered.
    converted_at timestamptz null,
    replied_at timestamptz null,
    test boolean not null default false,
    -- W3C traceparent of what entered it.
    trace text null,
    constraint enrollment_state check (state between 1 and 4)
) with (fillfactor = 70);
-- Nobody is in the same instance twice at a time.
create unique index enrollment_once on enrollment (lead_id, journey_id, instance_key) where state in (1, 2);
create index enrollment_by_lead on enrollment (lead_id, journey_id);
create index enrollment_due on enrollment (wake_at) where wake_at is not null;
create index enrollment_in_flight on enrollment (journey_id, version, step) where state = 1;

-- The send ledger. Never twice per (lead, journey, version, step, occurrence).
create table message (
    message_id uuid constraint message_pkey primary key,
    lead_id uuid not null,
    email_hash bytea not null,
    enrollment_id uuid null,
    journey_id text not null,
    version int not null,
    step text not null,
    -- Passes of that step over all enrolments of the lead; drawn under the contact's lock.
    occurrence int not null,
    -- 1 queued 2 sending 3 sent 4 failed 5 uncertain 6 skipped
    state smallint not null default 1,
    reason text not null default '',
    smtp_code int not null default 0,
    queued_at timestamptz not null,
    not_before timestamptz not null,
    lease_owner uuid null,
    lease_until timestamptz null,
    attempt int not null default 0,
    sending_at timestamptz null,
    settled_at timestamptz null,
    -- Destinations by link number; filled when it is sent, emptied by erasure.
    links text[] not null default '{}',
    clicked_at timestamptz null,
    replied_at timestamptz null,
    delivered_at timestamptz null,
    test boolean not null default false,
    constraint message_once unique (lead_id, journey_id, version, step, occurrence),
    constraint message_state check (state between 1 and 6)
) with (fillfactor = 60);
create index message_due on message (not_before) where state = 1;
create index message_leased on message (lease_until) where state = 2;
create index message_by_contact on message (email_hash, sending_at) where state in (1, 2, 3, 5);
create index message_by_lead on message (lead_id, queued_at);
create index message_settled on message (settled_at) where state in (3, 5);

-- Every hit of a link, also those of machines.
create table link_hit (
    link_hit_id bigint generated always as identity constraint link_hit_pkey primary key,
    message_id uuid not null,
    -- 65535: the one that people cannot see. -1: the picture.
    link_no int not null,
    at timestamptz not null,
    -- GET, HEAD.
    method text not null,
    -- 0 open 1 counts 2 machine 3 repeat
    verdict smallint not null default 0,
    reason text not null default '',
    -- Keyed hash of address and program: tells one visitor from another, and nothing else.
    visitor bytea not null
);
create index link_hit_open on link_hit (at) where verdict = 0;
create index link_hit_by_message on link_hit (message_id, at);

-- Calls of endpoints, a ledger like `message`.
create table webhook_call (
    webhook_call_id uuid constraint webhook_call_pkey primary key,
    lead_id uuid not null,
    enrollment_id uuid not null,
    endpoint text not null,
    -- JSON; emptied when it is settled or erased.
    body bytea not null,
    -- 1 queued 2 delivered 3 failed 4 refused
    state smallint not null default 1,
    reason text not null default '',
    queued_at timestamptz not null,
    not_before timestamptz not null,
    lease_owner uuid null,
    lease_until timestamptz null,
    attempt int not null default 0,
    settled_at timestamptz null
) with (fillfactor = 60);
create index webhook_call_due on webhook_call (not_before) where state = 1;
create index webhook_call_by_lead on webhook_call (lead_id);

-- An endpoint that failed for days, or said that it is gone.
create table webhook_endpoint (
    endpoint text constraint webhook_endpoint_pkey primary key,
    first_failure_at timestamptz null,
    disabled_at timestamptz null,
    reason text not null default ''
);

-- The switch that stops every mail before its next DATA.
create table sending (
    only_row boolean not null default true constraint sending_pkey primary key,
    paused boolean not null default false,
    -- operator's words, or "brake: complaints".
    reason text not null default '',
    since timestamptz null,
    -- Reports before this do not pull the brake again: somebody has looked.
    brakes_from timestamptz null,
    constraint sending_only_row check (only_row)
);
insert into sending default values;

-- Bounces and complaints of our own mails, for the brakes.
create table report (
    message_id uuid not null,
    -- hard_bounce, soft_bounce, complaint, delivered.
    kind text not null,
    at timestamptz not null,
    constraint report_pkey primary key (message_id, kind)
);
create index report_at on report (kind, at);

-- How many came to a step and what became of them, in 16 rows each so that writers do not wait for each other.
create table tally (
    journey_id text not null,
    version int not null,
    step text not null,
    what text not null,
    bucket smallint not null,
    n bigint not null,
    constraint tally_pkey primary key (journey_id, version, step, what, bucket)
) with (fillfactor = 60);

-- A fact about what was known then. decide(input) = outcome, byte for byte, as long as input is kept.
create table decision (
    decision_id uuid constraint decision_pkey primary key,
    lead_id uuid not null,
    kind text not null,
    at timestamptz not null,
    -- "journey/warm-up@3"
    rules text not null,
    step text not null default '',
    -- Canonical protobuf (src/domain/decision.rs); null after erasure.
    input bytea null,
    inputs uuid[] not null,
    outcome bytea not null,
    digest bytea not null
);
create index decision_by_lead on decision (lead_id, at);

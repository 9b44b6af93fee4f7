-- Who gets the lead. One writer: the assignment role. Lock order, never backwards: pool < lead (by id) < rep (by id).
-- Numbers of states, stages and kinds stand in src/domain (lead.rs, offer.rs, decision.rs).

create table pool (
    pool_id text constraint pool_pkey primary key,
    version int not null,
    name text not null,
    product_line text not null,
    is_default boolean not null,
    -- 0: no offers, the lead is assigned at once.
    offer_timeout_ms bigint not null,
    round_pause_ms bigint not null,
    owner_match boolean not null,
    -- The running stretch: its number and how many leads were shared out in it (k).
    stretch_no int not null default 0,
    stretch_leads bigint not null default 0,
    -- Next opening of a rep or next round of a lead, while leads wait; the planner's timer.
    wake_at timestamptz null,
    constraint pool_times check (offer_timeout_ms >= 0 and round_pause_ms >= 0)
);
create unique index pool_one_default on pool (is_default) where is_default;
create unique index pool_one_per_product_line on pool (product_line) where product_line <> '';
create index pool_wake_at on pool (wake_at) where wake_at is not null;

-- The hot row of a rep: counts change with each offer.
create table rep (
    rep_id text constraint rep_pkey primary key,
    version int not null,
    active boolean not null,
    name text not null,
    email text not null,
    time_zone text not null,
    -- Triples weekday (1 = Monday), start minute, end minute; empty: always open.
    schedule int[] not null,
    -- '2026-12-25', in the rep's zone.
    holidays text[] not null,
    -- Protobuf Assignment with rep_external_ids alone.
    external_ids bytea not null,
    max_open int not null,
    max_day int not null,
    open_count int not null default 0,
    day date null,
    day_count int not null default 0,
    constraint rep_counts check (open_count >= 0 and day_count >= 0 and max_open >= 0 and max_day >= 0)
) with (fillfactor = 70);

create table presence (
    rep_id text constraint presence_pkey primary key,
    until timestamptz not null
);

-- Deviation of a member from his share, in millionths of a lead: carried_micro + credit_micro + what the running stretch
-- entitles him to - received. Both carried_micro and credit_micro add up to zero over a pool.
create table pool_member (
    pool_id text not null,
    rep_id text not null,
    weight int not null,
    -- Weight in the running stretch; 0: not part of it.
    stretch_weight int not null default 0,
    received bigint not null default 0,
    carried_micro bigint not null default 0,
    credit_micro bigint not null default 0,
    constraint pool_member_pkey primary key (pool_id, rep_id),
    constraint pool_member_weight check (weight between 1 and 1000)
) with (fillfactor = 70);
create index pool_member_rep on pool_member (rep_id);

-- Every stretch that was: who shared with which weights, and why it began. A credit for an old offer needs its shares.
create table stretch (
    pool_id text not null,
    stretch_no int not null,
    started_at timestamptz not null,
    cause text not null,
    rep_ids text[] not null,
    weights int[] not null,
    constraint stretch_pkey primary key (pool_id, stretch_no)
);

-- Offers to be taken out of the shares: written by whoever declines or withdraws, applied by the planner of the pool.
create table ledger_credit (
    assignment_id uuid constraint ledger_credit_pkey primary key,
    pool_id text not null,
    rep_id text not null,
    stretch_no int not null,
    reason text not null,
    at timestamptz not null,
    applied_at timestamptz null
);
create index ledger_credit_pending on ledger_credit (pool_id) where applied_at is null;

create table lead (
    lead_id uuid constraint lead_pkey primary key,
    -- What was read of the lead topic.
    incarnation int not null,
    last_sequence int not null,
    -- What was written to the assignment topic.
    sequence int not null default 0,
    state smallint not null,
    stage smallint not null,
    pool_id text null,
    priority smallint not null default 0,
    waiting_since timestamptz null,
    -- A decision already says why it waits.
    noted boolean not null default false,
    round int not null default 0,
    -- Rep ids, separated by commas: who declined it or let it expire in this round.
    asked text not null default '',
    -- Waiting: not before (pause between rounds). Offered: when the offer expires.
    wake_at timestamptz null,
    timer_attempt smallint not null default 0,
    product_line text not null default '',
    person_uid uuid null,
    -- Keyed hashes for owner match.
    person_key bytea null,
    account_key bytea null,
    test boolean not null default false,
    contact_no int not null default 0,
    -- Protobuf leadflow.assignment.v1.LeadSnapshot without contact.
    snapshot bytea null,
    -- Protobuf leadflow.assignment.v1.AssignmentEvent without contact: the last one that was published.
    last_event bytea null,
    -- The lead event that made it wait, and its trace.
    cause_event_id uuid null,
    trace text null,
    erased_at timestamptz null
) with (fillfactor = 70);
create index lead_waiting on lead (pool_id, priority desc, waiting_since, lead_id) where state = 1;
create index lead_waiting_not_noted on lead (pool_id) where state = 1 and not noted;
create index lead_waiting_without_pool on lead (product_line) where state = 1 and pool_id is null;
create index lead_pausing on lead (pool_id, wake_at) where state = 1 and wake_at is not null;
create index lead_offer_expires on lead (wake_at) where state = 2;

-- Versions of what a person can be reached by. Appended when it differs, deleted as a whole by erasure.
create table lead_contact (
    lead_id uuid not null,
    contact_no int not null,
    -- Protobuf leadflow.assignment.v1.LeadSnapshot with the contact fields alone (src/wire/contact.rs).
    contact bytea not null,
    at timestamptz not null,
    constraint lead_contact_pkey primary key (lead_id, contact_no)
);

create table assignment (
    assignment_id uuid constraint assignment_pkey primary key,
    lead_id uuid not null,
    rep_id text not null,
    pool_id text not null,
    -- 1 offered 2 accepted 3 declined 4 expired 5 withdrawn 6 closed
    state smallint not null,
    offered_at timestamptz not null,
    respond_by timestamptz null,
    -- respond_by is the end of the rep's schedule: not answering is no fault of his.
    schedule_cut boolean not null,
    sla_due_at timestamptz null,
    touched_at timestamptz null,
    accepted_at timestamptz null,
    ended_at timestamptz null,
    decision_id uuid not null,
    -- The stretch whose shares it used; null: nobody else could have had it, so nothing was shared out.
    stretch_no int null
) with (fillfactor = 70);
-- A lead never has two active owners.
create unique index assignment_one_active_per_lead on assignment (lead_id) where state in (1, 2);
create index assignment_active_by_rep on assignment (rep_id) where state in (1, 2);
create index assignment_by_lead on assignment (lead_id, offered_at);

-- Whose person or account it is. kind: 1 person, 2 account.
create table owner (
    kind smallint not null,
    key_hash bytea not null,
    rep_id text not null,
    since timestamptz not null,
    constraint owner_pkey primary key (kind, key_hash)
);

create table external_record (
    lead_id uuid not null,
    system text not null,
    kind text not null,
    record_id text not null,
    linked_by text not null,
    at timestamptz not null,
    constraint external_record_pkey primary key (lead_id, system, kind, record_id)
);
create index external_record_by_id on external_record (system, kind, record_id);

-- A fact about what was known then. decide(input) = outcome, byte for byte, as long as input is kept.
create table decision (
    decision_id uuid constraint decision_pkey primary key,
    lead_id uuid not null,
    kind smallint not null,
    at timestamptz not null,
    -- "pool/default@3"
    rules text not null,
    -- Canonical protobuf (src/domain/decision.rs); null after erasure.
    input bytea null,
    -- Event ids.
    inputs uuid[] not null,
    outcome bytea not null,
    -- SHA-256 of input and outcome.
    digest bytea not null
);
create index decision_by_lead on decision (lead_id, at);

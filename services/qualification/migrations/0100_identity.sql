-- Who is who: identifiers, what ties them together, persons, and what persons did.

-- Person ids are drawn when an identifier is first seen, before the person's row is written.
create sequence person_id as bigint;

-- One row per identifier ever seen, for ever: an erased one stays as a tombstone (hash and erased_at, no value).
-- Rows of a person change only under the lock of that person's row.
create table identifier (
  identifier_id bigint generated always as identity,
  kind smallint not null,                -- 1 user, 2 e-mail, 3 phone, 4 anonymous
  value_hash uuid not null,              -- keyed hash of kind and value: 16 bytes, in the type that compares fastest
  value text,                            -- plain e-mail, phone and user id; never of anonymous ids or tombstones
  person_id bigint not null,
  first_seen timestamptz not null,
  parent_id bigint,                      -- the stronger identifier of the earliest link: who this one belongs to
  linked_at timestamptz,                 -- (linked_at, linked_by): when that happened, by which event
  linked_by uuid,
  departures int not null,               -- of its person when it was last moved: if the person's is another, it may be gone
  erased_at timestamptz,
  constraint identifier_pkey primary key (identifier_id),
  constraint identifier_value unique (value_hash),
  constraint identifier_parent_whole check ((parent_id is null) = (linked_at is null) and (parent_id is null) = (linked_by is null))
);
create index identifier_person on identifier (person_id);
create index identifier_parent on identifier (parent_id) where parent_id is not null;

-- Every pair of identifiers that events named together, with the earliest such event: the facts from which it follows
-- who is whom. Never deleted but by erasure.
create table link (
  weak_id bigint not null,
  strong_id bigint not null,
  event_id uuid not null,
  occurred_at timestamptz not null,
  state smallint not null,               -- 1 active, 2 refused, 3 withdrawn
  reason text not null default '',
  constraint link_pkey primary key (weak_id, strong_id)
);
create index link_strong on link (strong_id);

-- The hot row: locked once per batch, rewritten when it changed. No index on a column that changes, so that updates stay
-- on their page.
create table person (
  person_id bigint not null,
  person_uid uuid not null,              -- public id; v5 of the event that made the person
  slot smallint not null,                -- for later sharding
  version int not null,
  identity_version int not null,         -- moves with every change of the person's identifiers
  departures int not null,               -- moves when an identifier leaves; all that stay are given the new number
  merged_into bigint,
  account_id uuid,
  model_no int not null,
  flags int not null,
  score_milli int not null,
  grade smallint not null,
  scored_on int not null,                -- UTC day, days since 1970-01-01
  last_seen timestamptz not null,
  acc bytea not null,
  touch bytea not null,                  -- first and last touch
  constraint person_pkey primary key (person_id)
) with (fillfactor = 70);
create index person_uid on person (person_uid);

-- The cold row: what is known of an identified person, written on change.
create table person_profile (
  person_id bigint not null,
  profile bytea not null,                -- traits, consents, company: last writers with their keys
  constraint person_profile_pkey primary key (person_id)
);

-- What people did: the memory of the system, and the one place where copies are recognised (the primary key).
-- `week` comes with the event (Monday UTC as days since 1970-01-01, -719162 for undated ones).
create table timeline (
  subject_id bigint not null,            -- the event's strongest identifier as it came, junk or not
  week int not null,
  event_id uuid not null,
  credited_id bigint,                    -- whose act it is, where the subject is junk
  occurred_at timestamptz not null,
  received_at timestamptz not null,
  kind smallint not null,
  origin_hash int not null,
  voided boolean not null default false,
  data bytea not null,                   -- the EngagementEvent as it came
  constraint timeline_pkey primary key (subject_id, event_id, week)
) partition by range (week);
alter table timeline alter column data set compression lz4;
create index timeline_credited on timeline (credited_id) where credited_id is not null;
-- Outside of any calendar: pruned by received_at.
create table timeline_undated partition of timeline for values from (-719162) to (-719161);

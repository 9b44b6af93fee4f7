-- What follows from what people did: leads, decisions and what is still to be looked at.

create table lead (
  lead_id uuid not null,                 -- v5 of the opening event and the product line
  person_id bigint not null,
  product_line text not null default '',
  stage smallint not null,
  stage_before smallint not null default 0,  -- of a disqualified one: where it returns to
  owner bytea,                           -- rep id, name, e-mail; folded from assignment
  owner_rep_id text,
  sequence int not null,
  incarnation int not null,
  hand_raise bytea,                      -- the newest
  test boolean not null,
  opened_at timestamptz not null,
  closed_at timestamptz,
  updated_at timestamptz not null,
  assignment_incarnation int not null default 0,  -- last event folded from assignment
  assignment_sequence int not null default 0,
  constraint lead_pkey primary key (lead_id)
);
create unique index lead_open on lead (person_id, product_line) where closed_at is null;
create index lead_person on lead (person_id);
create index lead_updated on lead (updated_at, lead_id);

create table decision (
  decision_id uuid not null,             -- v5 of its inputs
  person_id bigint not null,
  lead_id uuid,                          -- none of visitors and the disqualified
  kind smallint not null,
  at timestamptz not null,
  rules text not null,
  input bytea,                           -- canonical protobuf of exactly what decide() got; null once erased
  inputs uuid[] not null,                -- event ids
  lines bytea not null,                  -- explanation, adds up to the score
  outcome bytea not null,
  digest bytea not null,                 -- SHA-256 of input and outcome
  constraint decision_pkey primary key (decision_id)
);
-- Written often, read seldom: the default compression would cost more than all the rest of a row.
alter table decision alter column input set compression lz4;
alter table decision alter column lines set compression lz4;
alter table decision alter column outcome set compression lz4;
create index decision_lead on decision (lead_id, at) where lead_id is not null;
create index decision_person on decision (person_id, at);

-- Next day (UTC, days since 1970-01-01) on which decay alone crosses a threshold; no later than the true one.
create table review (
  person_id bigint not null,
  due_on int not null,
  attempts smallint not null default 0,  -- that failed; then it is put off, and after five given up
  constraint review_pkey primary key (person_id)
);
create index review_due on review (due_on);

-- Persons whose timeline has to be folded anew.
create table recompute (
  person_id bigint not null,
  reason smallint not null,
  due_at timestamptz not null,
  attempts smallint not null default 0,
  constraint recompute_pkey primary key (person_id)
);
create index recompute_due on recompute (due_at);

-- Scoring models: immutable versions, one of them active.
create table model (
  model_no int not null,
  name text not null,
  sha256 bytea not null,
  body bytea not null,
  active boolean not null,
  published_at timestamptz not null,
  -- How far persons of other models were noted for a recompute, in the order of their ids.
  swept_to bigint not null default 0,
  swept boolean not null default false,
  constraint model_pkey primary key (model_no)
);
create unique index model_active on model (active) where active;
create index model_sha256 on model (sha256);

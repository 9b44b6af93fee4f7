-- What every stateful role carries in its own schema: offsets, outbox, commands, incarnation, identity check, clock.
-- Versions 1 to 99 belong to the platform, a service begins at 100. Never edited once merged.

-- The one way to read the time. Tests replace the function to shift or speed up the clock of one schema.
create function clock() returns timestamptz
language sql volatile parallel safe
as $$ select clock_timestamp() $$;

-- One row per partition that a consumer has claimed. The claim (epoch) and the offset are the fence; the check makes the
-- ledger balance: high watermark - first_offset = applied + duplicate + ignored + parked + dead + skipped + in flight.
create table kafka_offset (
  consumer text not null,
  topic text not null,
  partition int not null,
  incarnation int not null,
  first_offset bigint not null,
  next_offset bigint not null,
  epoch int not null default 0,
  owner text,
  state text not null default 'running',
  stopped_reason text,
  fingerprint uuid,
  claims_since_progress int not null default 0,
  suspect_offset bigint,
  suspect_attempts int,
  applied bigint not null default 0,
  duplicate bigint not null default 0,
  ignored bigint not null default 0,
  parked bigint not null default 0,
  dead bigint not null default 0,
  skipped bigint not null default 0,
  constraint kafka_offset_pkey primary key (consumer, topic, partition),
  constraint kafka_offset_state check (state in ('running', 'stopped')),
  constraint kafka_offset_stopped_reason check ((state = 'stopped') = (stopped_reason is not null)),
  constraint kafka_offset_balance
    check (applied + duplicate + ignored + parked + dead + skipped = next_offset - first_offset)
) with (fillfactor = 50);

-- Closed stretches: `offsets set`, `restart`, `accept-loss` move the counters here.
create table kafka_offset_history (
  kafka_offset_history_id bigint generated always as identity,
  consumer text not null,
  topic text not null,
  partition int not null,
  epoch int not null,
  first_offset bigint not null,
  next_offset bigint not null,
  applied bigint not null,
  duplicate bigint not null,
  ignored bigint not null,
  parked bigint not null,
  dead bigint not null,
  skipped bigint not null,
  by text not null,
  at timestamptz not null default clock(),
  reason text not null,
  constraint kafka_offset_history_pkey primary key (kafka_offset_history_id)
);
create index kafka_offset_history_partition on kafka_offset_history (consumer, topic, partition, at);

-- Outgoing records. Order by id, which is drawn after the aggregate's lock is held; never by xid, never "above the last
-- seen". `headers` is the encoded form of platform::outbox::headers. Rows live for milliseconds: kept out of TOAST, vacuumed
-- by count.
create table outbox (
  id bigint generated always as identity,
  topic smallint not null,
  key bytea not null,
  headers bytea not null,
  payload bytea not null,
  constraint outbox_pkey primary key (id)
) with (
  toast_tuple_target = 8160,
  autovacuum_vacuum_scale_factor = 0,
  autovacuum_vacuum_threshold = 10000,
  autovacuum_vacuum_insert_threshold = -1,
  autovacuum_vacuum_cost_delay = 0
);
alter table outbox alter column payload set storage external;

-- Replies of commands, so that a caller who asks twice gets the same answer. Pruned after 24 hours.
create table command (
  caller text not null,
  key text not null,
  request_hash bytea not null,
  reply bytea,
  at timestamptz not null default clock(),
  constraint command_pkey primary key (caller, key)
);
create index command_at on command (at);

-- One number per deployment, raised only by a restore or a topic that was made anew.
create table incarnation (
  only_row boolean not null default true,
  incarnation int not null,
  constraint incarnation_pkey primary key (only_row),
  constraint incarnation_only_row check (only_row),
  constraint incarnation_positive check (incarnation >= 1)
);
insert into incarnation (incarnation) values (1);

-- The check value of the identity key with which this schema was first used; a role with another key must not start.
create table identity_check (
  only_row boolean not null default true,
  check_value bytea not null,
  at timestamptz not null default clock(),
  constraint identity_check_pkey primary key (only_row),
  constraint identity_check_only_row check (only_row),
  constraint identity_check_length check (length(check_value) = 16)
);

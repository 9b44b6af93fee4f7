-- The assigned-lead stream: our own topic, read back in the order in which everybody reads it. Written by the stream's
-- consumer alone (src/stream), never by the planner or by commands.

create table assignment_stream (
    incarnation int not null,
    partition int not null,
    "offset" bigint not null,
    lead_id uuid not null,
    sequence int not null,
    -- "leadflow.assignment.offered.v1"
    kind text not null,
    test boolean not null,
    rep_id text not null,
    pool_id text not null,
    -- Version in lead_contact that the event carried; 0: none.
    contact_no int not null,
    -- Protobuf AssignmentEvent without contact.
    payload bytea not null,
    -- LogAppendTime.
    at timestamptz not null,
    constraint assignment_stream_pkey primary key (incarnation, partition, "offset")
);
-- A restarted publisher repeats records at new offsets.
create unique index assignment_stream_once on assignment_stream (lead_id, incarnation, sequence);
create index assignment_stream_at on assignment_stream (at);

-- Progress of named readers, kept on our side.
create table subscription (
    subscription text constraint subscription_pkey primary key,
    cursor text not null,
    at timestamptz not null
);

-- Below these offsets rows were removed by age: a cursor that begins there has expired.
create table assignment_stream_floor (
    incarnation int not null,
    partition int not null,
    "offset" bigint not null,
    constraint assignment_stream_floor_pkey primary key (incarnation, partition)
);

// Due steps by graphile-worker, a job queue in PostgreSQL that others use: DATABASE_URL=... node steps.mjs STEPS
// Every job does what a due step of a journey must at least do: a row in a ledger under a unique key, and a fact in an
// outbox, in one statement. Jobs are added before the clock starts; the last line printed is JSON.
import pg from "pg";
import { runMigrations, run } from "graphile-worker";

const steps = Number(process.argv[2]);
const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL, max: 24 });
const preset = {
  worker: {
    pgPool: pool,
    concurrentJobs: 20,
    // Its own documentation's way to throughput: jobs are fetched and completed in batches.
    localQueue: { size: 500 },
    completeJobBatchDelay: 0,
    failJobBatchDelay: 0,
  },
};
const quiet = { error: console.error, warning: console.error, info: () => {}, debug: () => {} };
const { Logger } = await import("graphile-worker");
const logger = new Logger(() => (level, message) => (quiet[level] ?? quiet.info)(message));

await runMigrations({ pgPool: pool, logger });
await pool.query(`
  drop table if exists ledger, outbox;
  create table ledger (message_id uuid primary key, lead_id uuid not null, step text not null, occurrence int not null,
    state smallint not null default 1, queued_at timestamptz not null, unique (lead_id, step, occurrence));
  create table outbox (id bigint generated always as identity primary key, topic smallint not null, key text not null,
    payload bytea not null);
`);
for (let added = 0; added < steps; added += 1000) {
  const jobs = Math.min(1000, steps - added);
  await pool.query(
    `select graphile_worker.add_jobs(array_agg(('step', json_build_object('lead_id', gen_random_uuid(), 'step', 'mail'),
       null, now() - interval '1 minute', null, null, null, null)::graphile_worker.job_spec))
     from generate_series(1, $1::int)`,
    [jobs],
  );
}
await pool.query("vacuum analyze graphile_worker._private_jobs");

const fact = Buffer.alloc(180, 7);
let first = 0n;
let done = 0;
let finish;
const finished = new Promise((resolve) => (finish = resolve));

async function step({ lead_id, step }, helpers) {
  if (first === 0n) first = process.hrtime.bigint();
  await helpers.query(
    `with queued as (
       insert into ledger (message_id, lead_id, step, occurrence, queued_at)
       values (gen_random_uuid(), $1, $2, 1, clock_timestamp()) returning lead_id)
     insert into outbox (topic, key, payload) select 6, lead_id::text, $3 from queued`,
    [lead_id, step, fact],
  );
  if (++done === steps) finish();
}

const runner = await run({ preset, logger, noHandleSignals: true, taskList: { step } });
await finished;
await runner.stop();
// With their completions: a job that is not completed comes again.
const seconds = Number(process.hrtime.bigint() - first) / 1e9;
const { rows } = await pool.query(
  "select (select count(*) from ledger)::int as ledger, (select count(*) from graphile_worker._private_jobs)::int as open",
);
await pool.end();
console.log(JSON.stringify({ steps: done, seconds, ...rows[0] }));

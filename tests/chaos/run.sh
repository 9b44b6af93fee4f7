#!/usr/bin/env bash
# make chaos: the line of leads, the mails of nurture, then its timers. SEED=n fixes traffic and plans; FULL=1 takes hours. The
# last line printed is the verdict: a run that failed is the last one.
set -euo pipefail
cd "$(dirname "$0")/../.."
cargo build --locked --release -p leadflow -p leadflow-chaos -p leadflow-mailbox
chaos=target/release/chaos
if [ -n "${FULL:-}" ]; then
    "$chaos" run --events 1000000 --kills 500 --zombies 200 --postgres-stops 50 --broker-stops 20 --rate 600
    "$chaos" mail --mails 100000 --kills 100 --zombies 20 --postgres-stops 3 --rate 60
    exec "$chaos" timers --leads 1000000 --kills 20 --speed 15
fi
"$chaos" run
"$chaos" mail
exec "$chaos" timers

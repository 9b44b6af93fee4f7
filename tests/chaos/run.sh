#!/usr/bin/env bash
# make chaos: SEED=n fixes traffic and plan; FULL=1 takes hours. The last line printed is the verdict.
set -euo pipefail
cd "$(dirname "$0")/../.."
cargo build --locked --release -p leadflow -p leadflow-chaos
if [ -n "${FULL:-}" ]; then
    exec target/release/chaos run --events 1000000 --kills 500 --zombies 200 --postgres-stops 50 --broker-stops 20 --rate 600 "$@"
fi
exec target/release/chaos run "$@"

#!/usr/bin/env bash
# make bench: every figure, as one table. One figure: tests/bench/run.sh latency --runs 5. A smoke run: --quick.
set -euo pipefail
cd "$(dirname "$0")/../.."
cargo build --locked --release -p leadflow -p leadflow-bench
exec target/release/bench "$@"

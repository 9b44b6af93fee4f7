#!/usr/bin/env bash
# make bench: every figure, as one table. One figure: tests/bench/run.sh latency --runs 5. A smoke run: --quick.
# What is measured is built as for an image (profile dist), which takes some minutes the first time.
set -euo pipefail
cd "$(dirname "$0")/../.."
cargo build --locked --profile dist -p leadflow -p leadflow-bench
LEADFLOW_BIN="${LEADFLOW_BIN:-target/dist/leadflow}" exec target/dist/bench "$@"

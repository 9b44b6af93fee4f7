#!/usr/bin/env bash
# make test: every test of the workspace and the foreign clients, against a private Apache Kafka and PostgreSQL that start
# empty and are stopped at the end, whatever the end is. A single test:
#   deploy/local/services.sh start .local/test && . .local/test/services.env && cargo test -p leadflow-platform outbox
set -euo pipefail
shopt -s inherit_errexit

root=$(cd "$(dirname "$0")/../.." && pwd -P)
here="$root/deploy/local"
state="$root/.local/test"
cd "$root"

# shellcheck source=deploy/local/lib/say.sh
. "$here/lib/say.sh"

finish() {
    local code=$?
    trap '' INT TERM HUP
    trap - EXIT
    stop_ticker
    phase 'Stopping the services of the tests'
    "$here/services.sh" stop "$state"
    if [ "$code" = 0 ]; then
        phase 'Every test passed'
    else
        phase "Tests failed (exit $code); the services' logs are in .local/test/log/"
    fi
    exit "$code"
}

phase 'Looking for what this machine lacks'
"$here/install.sh" test
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
trap 'exit 129' HUP

phase 'Starting a private Apache Kafka and PostgreSQL, both empty'
"$here/services.sh" remove "$state"
"$here/services.sh" start "$state"
# shellcheck source=/dev/null
. "$state/services.env"

phase 'Building and running every test of the workspace'
cargo test --workspace --locked --no-fail-fast

phase 'Building the binaries for the foreign clients'
cargo build --locked -p leadflow -p leadflow-simulator -p leadflow-mailbox

phase 'Running the foreign clients against every role'
tests/clients/with_stack.sh bash -c 'tests/clients/run.sh && tests/clients/mails/run.sh && tests/clients/readers/run.sh'

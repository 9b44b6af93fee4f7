#!/usr/bin/env bash
# Foreign consumers against a running leadflow: the same assigned leads by every carrier.
#   . .local/env && tests/clients/readers/run.sh
# Sends the sample story first, so that there is something to read; then compares what each reader saw. Exit 0 if all saw the same.
set -euo pipefail
shopt -s inherit_errexit

root=$(cd "$(dirname "$0")/../../.." && pwd -P)
here="$root/tests/clients/readers"
state=${READERS_STATE:-$root/.local/readers}
: "${LEADFLOW_ASSIGNMENT_URL:?run \`make up\` and \`. .local/env\` first}" "${LEADFLOW_API_KEY:?}" "${KAFKA_BROKERS:?}"
RUN=${RUN:-$(date +%s)}
PROTO="$root/proto"
export RUN PROTO

mkdir -p "$state"
cp "$here"/*.mjs "$here/package.json" "$state/"
if ! cmp -s "$here/package.json" "$state/installed.json"; then
    (cd "$state" && npm install --no-audit --no-fund --no-package-lock --loglevel=error >&2)
    cp "$here/package.json" "$state/installed.json"
fi
python="$state/python/bin/python"
if ! cmp -s "$here/requirements.txt" "$state/installed.txt"; then
    python3 -m venv "$state/python"
    "$python" -m pip install --quiet --disable-pip-version-check -r "$here/requirements.txt"
    cp "$here/requirements.txt" "$state/installed.txt"
fi
mkdir -p "$state/stubs"
"$python" -m grpc_tools.protoc -I "$PROTO" --python_out="$state/stubs" --grpc_python_out="$state/stubs" \
    leadflow/assignment/v1/assignment_event.proto leadflow/assignment/v1/assignment_service.proto
export PYTHONPATH="$state/stubs" BUF="$state/node_modules/.bin/buf"

simulator=${SIMULATOR_BIN:-$root/target/release/simulator}
[ -x "$simulator" ] || simulator="$root/target/debug/simulator"
"$simulator" setup
"$simulator" run --run-number "$RUN" --linger 3 >"$state/story.log" 2>&1

"$python" "$here/read_grpc.py" >"$state/grpc.jsonl"
"$here/read_http.sh" >"$state/http.jsonl"
"$python" "$here/read_topic.py" >"$state/confluent.jsonl"
(cd "$state" && node read_topic.mjs) >"$state/kafkajs.jsonl"
readers=(grpc http confluent kafkajs)
if command -v kcat >/dev/null; then
    "$here/read_kcat.sh" >"$state/kcat.jsonl"
    readers+=(kcat)
fi

# The stream has each event once; the topic may repeat one.
for reader in grpc http; do
    [ "$(sort "$state/$reader.jsonl" | uniq -d | wc -l)" = 0 ] || { echo "$reader delivered an event twice" >&2; exit 1; }
done
count=$(sort -u "$state/grpc.jsonl" | wc -l)
[ "$count" -gt 0 ] || { echo "nothing was assigned: nothing was tested" >&2; exit 1; }
for reader in "${readers[@]}"; do
    if ! cmp -s <(sort -u "$state/grpc.jsonl") <(sort -u "$state/$reader.jsonl"); then
        echo "$reader saw other events than gRPC:" >&2
        diff <(sort -u "$state/grpc.jsonl") <(sort -u "$state/$reader.jsonl") >&2 || true
        exit 1
    fi
done
echo "${#readers[@]} readers (${readers[*]}) saw the same $count events"

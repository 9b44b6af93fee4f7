#!/usr/bin/env bash
# Foreign clients against a running leadflow: . .local/env && tests/clients/run.sh
# Installs pinned libraries under .local/clients, sends everything twice, and asks the timelines. Exit 0 if all is as it was
# said. The environment is that of .local/env (addresses, keys, LEADFLOW_CONFIG); LEADFLOW_BIN names another binary.
set -euo pipefail
shopt -s inherit_errexit

root=$(cd "$(dirname "$0")/../.." && pwd -P)
here="$root/tests/clients"
state=${CLIENTS_STATE:-$root/.local/clients}
: "${LEADFLOW_INGEST_URL:?run \`make up\` and \`. .local/env\` first}" "${LEADFLOW_QUALIFICATION_URL:?}" "${LEADFLOW_WRITE_KEY:?}" \
    "${LEADFLOW_API_KEY:?}" "${LEADFLOW_CONFIG:?}"
leadflow=${LEADFLOW_BIN:-$root/target/release/leadflow}
[ -x "$leadflow" ] || leadflow="$root/target/debug/leadflow"
[ -x "${CHROMIUM:=/usr/bin/chromium}" ] || { echo "no Chromium at $CHROMIUM: apt-get install chromium, or set CHROMIUM" >&2; exit 1; }

mkdir -p "$state"
cp "$here"/*.mjs "$here/package.json" "$state/"
if ! cmp -s "$here/package.json" "$state/installed.json"; then
    echo "installing the Node libraries" >&2
    (cd "$state" && npm install --no-audit --no-fund --no-package-lock --loglevel=error >&2)
    cp "$here/package.json" "$state/installed.json"
fi
python="$state/python/bin/python"
if ! cmp -s "$here/requirements.txt" "$state/installed.txt"; then
    echo "installing the Python libraries" >&2
    python3 -m venv "$state/python"
    "$python" -m pip install --quiet --disable-pip-version-check -r "$here/requirements.txt"
    cp "$here/requirements.txt" "$state/installed.txt"
fi
mkdir -p "$state/stubs"
"$python" -m grpc_tools.protoc -I "$root/proto" --python_out="$state/stubs" --grpc_python_out="$state/stubs" \
    leadflow/engagement/v1/engagement_event.proto leadflow/ingest/v1/ingest_service.proto \
    leadflow/qualification/v1/lead_event.proto leadflow/qualification/v1/lead_service.proto

RUN=${RUN:-$(date +%s)}
STARTED=$(date -u +%Y-%m-%dT%H:%M:%S+00:00)
PAGE_PORT=${PAGE_PORT:-$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')}
NODE_MODULES="$state/node_modules"
PYTHONPATH="$state/stubs"
export RUN STARTED PAGE_PORT NODE_MODULES PYTHONPATH CHROMIUM

# new_key NAME OPTION...: an API key of this run, revoked at the end.
new_key() {
    "$leadflow" --config "$LEADFLOW_CONFIG" key create --name "clients-$1-$RUN" --scope publish "${@:2}" --json 2>/dev/null |
        sed -n 's/.*"key": *"\([^"]*\)".*/\1/p'
}
revoke_keys() {
    local name
    for name in browser rudderstack grpc; do
        "$leadflow" --config "$LEADFLOW_CONFIG" key revoke "clients-$name-$RUN" >/dev/null 2>&1 || true
    done
}
trap revoke_keys EXIT
BROWSER_WRITE_KEY=$(new_key browser --source web --browser --origin "http://127.0.0.1:$PAGE_PORT")
RUDDERSTACK_WRITE_KEY=$(new_key rudderstack --source app)
GRPC_WRITE_KEY=$(new_key grpc --source marketing-suite)
export BROWSER_WRITE_KEY RUDDERSTACK_WRITE_KEY GRPC_WRITE_KEY
# Roles read the keys file every two seconds; it is effective after ten at the latest.
for _ in $(seq 40); do
    curl --silent --fail --output "$state/settings.json" "$LEADFLOW_INGEST_URL/v1/projects/$GRPC_WRITE_KEY/settings" && break
    sleep 0.25
done

# send_all FILE: every sender once, what they sent into FILE.
send_all() {
    {
        (cd "$state" && timeout 120 node send_analytics_node.mjs && timeout 120 node send_rudderstack.mjs)
        timeout 120 "$python" "$here/send_analytics_python.py"
        timeout 120 "$python" "$here/send_grpc.py"
    } >"$1"
}

echo "run $RUN: sending" >&2
(cd "$state" && timeout 180 node send_analytics_next.mjs) >"$state/browser.jsonl"
send_all "$state/first.jsonl"
cat "$state/browser.jsonl" "$state/first.jsonl" >"$state/expected.jsonl"
"$python" "$here/check_timelines.py" "$state/expected.jsonl"
echo "run $RUN: sending the same again" >&2
send_all "$state/again.jsonl"
cmp "$state/first.jsonl" "$state/again.jsonl"
"$python" "$here/check_timelines.py" "$state/expected.jsonl"

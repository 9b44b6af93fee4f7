#!/usr/bin/env bash
# tests/clients/with_stack.sh COMMAND...: runs a command with every role running beside it, on the services of
# `deploy/local/services.sh start .local/test`, with addresses and keys in the environment. For `make test`.
set -euo pipefail
shopt -s inherit_errexit

root=$(cd "$(dirname "$0")/../.." && pwd -P)
state="$root/.local/test"
stack="$state/stack"
leadflow=${LEADFLOW_BIN:-$root/target/debug/leadflow}
cd "$root"
# shellcheck source=/dev/null
. "$state/services.env"

rm -rf "$stack"
mkdir -p "$stack"
free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
(umask 077 && head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \n' >"$stack/identity.key")
section() {
    local port
    port=$(free_port)
    printf '%s:\n  listen: "127.0.0.1:%s"\n  ops_listen: "127.0.0.1:%s"\n' "$1" "$port" "$(free_port)"
}
{
    printf 'kafka: { brokers: "%s" }\n' "$KAFKA_BROKERS"
    printf 'identity_key_file: %s/identity.key\nkeys_file: %s/keys.yaml\n' "$stack" "$stack"
    printf 'topics_file: %s/deploy/config/topics.yaml\n' "$root"
    section ingest
    printf '  sources_file: %s/deploy/config/sources.yaml\n' "$root"
    section qualification
    printf '  database: { url: "%s" }\n' "$QUALIFICATION_DATABASE_URL"
    section assignment
    printf '  database: { url: "%s" }\n' "$ASSIGNMENT_DATABASE_URL"
    nurture_port=$(free_port) mail_port=$(free_port)
    printf 'nurture:\n  listen: "127.0.0.1:%s"\n  ops_listen: "127.0.0.1:%s"\n' "$nurture_port" "$(free_port)"
    printf '  database: { url: "%s" }\n  public_url: "http://127.0.0.1:%s"\n' "$NURTURE_DATABASE_URL" "$nurture_port"
    printf '  smtp: { url: "smtp+plain://127.0.0.1:%s" }\n  quiet_hours: null\n  sender:\n' "$mail_port"
    printf '    { name: Seller, email: hello@seller.example, postal_address: "Seller, 1 Sample Street",\n'
    printf '      message_id_domain: mail.seller.example, reply_domain: mail.seller.example }\n'
} >"$stack/leadflow.yaml"

# address SECTION KEY: of the file just written.
address() { awk -v section="$1:" -v key="$2:" '$1 == section { on = 1; next } /^[a-z]/ { on = 0 } on && $1 == key { gsub("\"", "", $2); print $2 }' "$stack/leadflow.yaml"; }
key() { "$leadflow" --config "$stack/leadflow.yaml" key create --json "$@" 2>/dev/null | sed -n 's/.*"key": *"\([^"]*\)".*/\1/p'; }

"$leadflow" --config "$stack/leadflow.yaml" topics apply >"$stack/prepare.log"
"$leadflow" --config "$stack/leadflow.yaml" migrate up >>"$stack/prepare.log"
LEADFLOW_WRITE_KEY=$(key --name test-publish --scope publish --source web)
LEADFLOW_API_KEY=$(key --name test-rest --scope read:leads --scope read:assignments --scope act:rep --scope admin --rep '*')
LEADFLOW_INGEST_URL="http://$(address ingest listen)"
LEADFLOW_QUALIFICATION_URL="http://$(address qualification listen)"
LEADFLOW_ASSIGNMENT_URL="http://$(address assignment listen)"
LEADFLOW_NURTURE_URL="http://127.0.0.1:$nurture_port"
LEADFLOW_SMTP_SINK="$stack/mails"
LEADFLOW_CONFIG="$stack/leadflow.yaml"
LEADFLOW_BIN=$leadflow
SIMULATOR_BIN=$(dirname "$leadflow")/simulator
export KAFKA_BROKERS SIMULATOR_BIN LEADFLOW_WRITE_KEY LEADFLOW_API_KEY LEADFLOW_INGEST_URL LEADFLOW_QUALIFICATION_URL LEADFLOW_ASSIGNMENT_URL \
    LEADFLOW_CONFIG LEADFLOW_BIN LEADFLOW_NURTURE_URL LEADFLOW_SMTP_SINK

mkdir -p "$LEADFLOW_SMTP_SINK"
"$(dirname "$leadflow")/mail-catcher" --listen "127.0.0.1:$mail_port" --folder "$LEADFLOW_SMTP_SINK" >"$stack/mail-catcher.log" 2>&1 &
catching=$!
"$leadflow" --config "$stack/leadflow.yaml" serve all >"$stack/leadflow.log" 2>&1 &
serving=$!
stop() {
    local code=$?
    trap - EXIT
    kill "$serving" "$catching" 2>/dev/null || true
    wait "$serving" || { [ "$code" != 0 ] || { echo "leadflow did not end with code 0 on SIGTERM: $stack/leadflow.log" >&2; code=1; }; }
    exit "$code"
}
trap stop EXIT

ready() { [ "$(curl -s -o /dev/null -w '%{http_code}' "http://$(address "$1" ops_listen)/readyz")" = 200 ]; }
for role in ingest assignment nurture qualification; do
    for attempt in $(seq 240); do
        # Qualification is ready only with a model, and takes one before.
        [ "$role" != qualification ] || "$leadflow" model publish deploy/config/scoring.yaml >>"$stack/prepare.log" 2>&1 || true
        if ready "$role"; then break; fi
        if [ "$attempt" = 240 ] || ! kill -0 "$serving" 2>/dev/null; then
            echo "$role is not ready; the last lines of $stack/leadflow.log:" >&2
            tail -n 20 "$stack/leadflow.log" >&2
            exit 1
        fi
        sleep 0.5
    done
done
"$@"

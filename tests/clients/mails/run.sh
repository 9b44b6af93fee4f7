#!/usr/bin/env bash
# The marketer's way of docs/nurture.md, command by command, and what foreign parsers make of the mails that come of it.
#   . .local/env && tests/clients/mails/run.sh
# The environment is that of .local/env; LEADFLOW_SMTP_SINK is the folder of the mail catcher.
set -euo pipefail
shopt -s inherit_errexit

root=$(cd "$(dirname "$0")/../../.." && pwd -P)
here="$root/tests/clients/mails"
state=${MAILS_STATE:-$root/.local/mail-readers}
: "${LEADFLOW_NURTURE_URL:?run \`make up\` and \`. .local/env\` first}" "${LEADFLOW_SMTP_SINK:?}" "${LEADFLOW_INGEST_URL:?}"
binary=${LEADFLOW_BIN:-$root/target/release/leadflow}
[ -x "$binary" ] || binary="$root/target/debug/leadflow"
RUN=${RUN:-$(date +%s)}
cd "$root"

mkdir -p "$state"
cp "$here"/*.mjs "$here/package.json" "$state/"
if ! cmp -s "$here/package.json" "$state/installed.json"; then
    (cd "$state" && npm install --no-audit --no-fund --no-package-lock --loglevel=error >&2)
    cp "$here/package.json" "$state/installed.json"
fi

# Every command of the guide, as it stands there.
leadflow() { "$binary" "$@"; }
grep -o '^leadflow .*' docs/nurture.md >"$state/commands"
[ "$(wc -l <"$state/commands")" -ge 6 ] || { echo 'docs/nurture.md has lost its commands' >&2; exit 1; }
while read -r command; do
    echo "\$ $command" >&2
    eval "$command" >"$state/output" 2>&1 || { echo "failed: $command" >&2; cat "$state/output" >&2; exit 1; }
done <"$state/commands"

# People whose names and companies would like to be more than text.
sign_up() {
    curl -sS -o /dev/null -w '%{http_code}\n' "$LEADFLOW_INGEST_URL/v1/forms/contact" --data-urlencode "email=$1" \
        --data-urlencode "name=$2" --data-urlencode "company=$3" --data newsletter=yes --data-urlencode "message_id=$1" |
        grep -qx 303 || { echo "the sign-up of $1 was refused" >&2; exit 1; }
}
before=$(find "$LEADFLOW_SMTP_SINK" -name '*.eml' | wc -l)
sign_up "mona-$RUN@plain.example" 'Mona Plain' 'Plain Works'
sign_up "zoe-$RUN@umlaut.example" 'Zoë Größmann' 'Käse & Söhne <GmbH>'
sign_up "mallory-$RUN@script.example" '<script>alert(1)</script> "quoted"' 'javascript:alert(1)'
sign_up "li-$RUN@wide.example" '李 小龍' '株式会社例'
for _ in $(seq 120); do
    now=$(find "$LEADFLOW_SMTP_SINK" -name '*.eml' | wc -l)
    [ "$now" -lt $((before + 4)) ] || break
    sleep 0.5
done
[ "$now" -ge $((before + 4)) ] || { echo "only $((now - before)) of 4 mails came within a minute" >&2; exit 1; }
! grep -rli '<script>alert' "$LEADFLOW_SMTP_SINK"/*.eml || { echo 'a value became markup' >&2; exit 1; }

(cd "$state" && node read_mails.mjs "$LEADFLOW_SMTP_SINK") >"$state/mailparser.jsonl"
python3 "$here/read_mails.py" "$LEADFLOW_SMTP_SINK" >"$state/python.jsonl"
python3 "$here/check.py" "$state/mailparser.jsonl" "$state/python.jsonl"

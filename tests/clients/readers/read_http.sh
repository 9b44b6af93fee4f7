#!/usr/bin/env bash
# The long poll by curl, page by page, each page from the cursor of the last.
set -euo pipefail
cursor=
while :; do
    page=$(curl -sS --fail-with-body -G -H "authorization: Bearer $LEADFLOW_API_KEY" "$LEADFLOW_ASSIGNMENT_URL/v1/assignment-events" \
        -d limit=5 -d include_test=true ${cursor:+-d "after=$cursor"})
    printf '%s' "$page" | python3 -c '
import json, sys
for item in json.load(sys.stdin).get("items", []):
    print(json.dumps({"lead": item["event"]["leadId"], "sequence": item["event"]["sequence"]}))'
    cursor=$(printf '%s' "$page" | python3 -c 'import json, sys; print(json.load(sys.stdin)["cursor"])')
    [ "$(printf '%s' "$page" | python3 -c 'import json, sys; print(json.load(sys.stdin).get("caughtUp", False))')" != True ] || break
done

#!/usr/bin/env bash
# The topic by kcat, each value by `buf convert` with the published .proto.
set -euo pipefail
kcat -b "$KAFKA_BROKERS" -t leadflow.assignment.v1 -C -e -q -o beginning -f '%R%s' -D '' |
    python3 -c '
import json, os, struct, subprocess, sys
stream = sys.stdin.buffer
while head := stream.read(4):
    value = stream.read(struct.unpack(">i", head)[0])
    out = subprocess.run([os.environ["BUF"], "convert", os.environ["PROTO"], "--type", "leadflow.assignment.v1.AssignmentEvent",
                          "--from", "-#format=binpb", "--to", "-#format=json"], input=value, capture_output=True, check=True).stdout
    event = json.loads(out)
    print(json.dumps({"lead": event["leadId"], "sequence": event["sequence"]}))'

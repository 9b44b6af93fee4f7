"""The assigned-lead stream by plain grpcio, cut off after every few items and resumed from its last cursor."""

import json
import os
import sys

import grpc
from leadflow.assignment.v1 import assignment_service_pb2 as service
from leadflow.assignment.v1 import assignment_service_pb2_grpc as stubs

CUT_AFTER = 7


def main() -> None:
    channel = grpc.insecure_channel(os.environ["LEADFLOW_ASSIGNMENT_URL"].removeprefix("http://"))
    client = stubs.AssignmentStreamServiceStub(channel)
    metadata = [("authorization", "Bearer " + os.environ["LEADFLOW_API_KEY"])]
    cursor = None
    while True:
        start = service.Start(after_cursor=cursor) if cursor else service.Start(earliest=True)
        request = service.WatchAssignmentsRequest(start=start, filter=service.Filter(include_test=True), max_batch=3)
        call = client.WatchAssignments(request, metadata=metadata, timeout=30)
        seen, caught_up = 0, False
        for response in call:
            for item in response.items:
                print(json.dumps({"lead": item.event.lead_id, "sequence": item.event.sequence}))
                cursor, seen = item.cursor, seen + 1
            caught_up = response.caught_up
            if caught_up or seen >= CUT_AFTER:
                call.cancel()
                break
        if caught_up:
            return


if __name__ == "__main__":
    sys.exit(main())

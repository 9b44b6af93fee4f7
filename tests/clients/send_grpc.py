"""grpcio with stubs made from proto/: results in order, a rejected event, a repeat, history."""

import datetime
import json
import os
import sys

import grpc
from google.protobuf.timestamp_pb2 import Timestamp

from leadflow.ingest.v1 import ingest_service_pb2 as ingest
from leadflow.ingest.v1 import ingest_service_pb2_grpc as ingest_grpc

CLIENT = "grpcio"
RUN = os.environ["RUN"]
EMAIL = f"grpc-{RUN}@grpc.example"


def event(name: str, kind: str, **more) -> ingest.Event:
    """One event of one person."""
    at = Timestamp()
    at.FromDatetime(datetime.datetime.fromisoformat(os.environ["STARTED"]) - datetime.timedelta(minutes=2))
    return ingest.Event(message_id=f"grpc-{RUN}-{name}", type=kind, email=EMAIL, occurred_at=at, **more)


def main() -> None:
    """Sends and says what was sent."""
    events = [
        event("identify", "identify"),
        event("product", "product"),
        event("chat", "chat", text="Is there a plan for schools?", consent={"marketing_email": True}),
        event("own", "Something Of Our Own"),
        event("old", "event_attended", historical=True),
    ]
    events[0].traits.update({"firstName": "Grace", "company": {"name": "Rear Ltd"}})
    wrong = ingest.Event(message_id=f"grpc-{RUN}-wrong", type="chat", email="nobody")
    address = os.environ["LEADFLOW_INGEST_URL"].removeprefix("http://")
    metadata = (("authorization", f"Bearer {os.environ['GRPC_WRITE_KEY']}"),)
    with grpc.insecure_channel(address) as channel:
        door = ingest_grpc.IngestServiceStub(channel)
        request = ingest.PublishEventsRequest(events=[*events, wrong, events[1]])
        checked = door.PublishEvents(ingest.PublishEventsRequest(events=request.events, validate_only=True), metadata=metadata, timeout=20)
        answer = door.PublishEvents(request, metadata=metadata, timeout=20)
    statuses = [result.status for result in answer.results]
    accepted, rejected = ingest.PUBLISH_STATUS_ACCEPTED, ingest.PUBLISH_STATUS_REJECTED
    if statuses != [accepted] * 5 + [rejected, accepted] or [result.status for result in checked.results] != statuses:
        sys.exit(f"{CLIENT}: {answer}")
    if (answer.results[5].reason, answer.results[5].field) != ("INVALID_IDENTIFIER", "email"):
        sys.exit(f"{CLIENT}: {answer.results[5]}")
    kinds = ["identify", "product", "chat", "custom", "event_attended"]
    for sent, kind in zip(events, kinds):
        line = {"client": CLIENT, "source": "marketing-suite", "person": {"email": EMAIL}, "message_id": sent.message_id, "kind": kind}
        print(json.dumps(line))


main()

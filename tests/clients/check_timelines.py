"""Whether every event that the senders named stands on its person's timeline exactly once, as LeadService tells it."""

import collections
import json
import os
import sys
import time
import uuid

import grpc

from leadflow.qualification.v1 import lead_service_pb2 as leads
from leadflow.qualification.v1 import lead_service_pb2_grpc as leads_grpc

# Every source id is a name space below this one (services/ingest/src/domain/rules.rs): the event id can be computed.
SOURCES = uuid.UUID("8f0c3d1e-5b77-4c1a-9d55-6c656164666c")
PATIENCE_SECONDS = 60


def timeline(service: leads_grpc.LeadServiceStub, person: dict[str, str]) -> list[leads.TimelineEntry]:
    """All pages; nothing if the person is not known yet."""
    metadata = (("authorization", f"Bearer {os.environ['LEADFLOW_API_KEY']}"),)
    entries, token = [], ""
    while True:
        request = leads.ListTimelineRequest(page_size=100, page_token=token, **person)
        try:
            page = service.ListTimeline(request, metadata=metadata, timeout=20)
        except grpc.RpcError as error:
            if error.code() == grpc.StatusCode.NOT_FOUND:
                return []
            raise
        entries += page.entries
        token = page.next_page_token
        if not token:
            return entries


def differences(service: leads_grpc.LeadServiceStub, expected: list[dict]) -> list[str]:
    """What is not as the senders said; empty if all is."""
    found = []
    timelines: dict[str, dict[str, list[str]]] = {}
    for line in expected:
        person = json.dumps(line["person"])
        if person not in timelines:
            kinds = collections.defaultdict(list)
            for entry in timeline(service, line["person"]):
                kinds[entry.event_id].append(entry.kind)
            timelines[person] = kinds
        event_id = str(uuid.uuid5(uuid.uuid5(SOURCES, line["source"]), line["message_id"]))
        seen = [kind.lower().removeprefix("engagement_kind_") for kind in timelines[person].get(event_id, [])]
        wanted = [] if line.get("absent") else [line["kind"]]
        if seen != wanted:
            found.append(f"{line['client']}: {line['message_id']} of {person}: {seen}, not {wanted}")
    return found


def main() -> None:
    """Waits until all is as it was said, then looks once more: nothing may come on top."""
    with open(sys.argv[1], encoding="utf-8") as lines:
        expected = [json.loads(line) for line in lines]
    if len(expected) < 60:
        sys.exit(f"only {len(expected)} events were named: a sender did not run")
    address = os.environ["LEADFLOW_QUALIFICATION_URL"].removeprefix("http://")
    with grpc.insecure_channel(address) as channel:
        service = leads_grpc.LeadServiceStub(channel)
        until = time.monotonic() + PATIENCE_SECONDS
        while (found := differences(service, expected)) and time.monotonic() < until:
            time.sleep(0.5)
        if not found:
            time.sleep(1)
            found = differences(service, expected)
    clients = collections.Counter(line["client"] for line in expected)
    for line in found:
        print(line)
    print(", ".join(f"{client} {number}" for client, number in sorted(clients.items())))
    print(f"{len(expected) - len(found)} passed, {len(found)} failed")
    sys.exit(1 if found else 0)


main()

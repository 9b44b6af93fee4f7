"""The topic by confluent-kafka, the value by the published .proto, the headers as CloudEvents."""

import json
import os
import sys

from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition
from leadflow.assignment.v1 import assignment_event_pb2 as events

TOPIC = "leadflow.assignment.v1"


def main() -> None:
    consumer = Consumer({"bootstrap.servers": os.environ["KAFKA_BROKERS"], "group.id": "foreign-python", "enable.auto.commit": False})
    partitions = consumer.list_topics(TOPIC, timeout=10).topics[TOPIC].partitions
    ends = {}
    for partition in partitions:
        low, high = consumer.get_watermark_offsets(TopicPartition(TOPIC, partition), timeout=10)
        if low < high:
            ends[partition] = high
    consumer.assign([TopicPartition(TOPIC, partition, OFFSET_BEGINNING) for partition in ends])
    while ends:
        record = consumer.poll(10)
        if record is None or record.error():
            sys.exit(f"the topic ended before its high watermark: {record and record.error()}")
        event = events.AssignmentEvent.FromString(record.value())
        headers = {name: value.decode() for name, value in record.headers()}
        for name, expected in {"ce_id": event.event_id, "ce_type": event.type, "ce_subject": event.lead_id, "ce_specversion": "1.0"}.items():
            if headers.get(name) != expected:
                sys.exit(f"header {name} is {headers.get(name)!r}, the event says {expected!r}")
        if record.key().decode() != event.lead_id:
            sys.exit("the record key is not the lead id")
        print(json.dumps({"lead": event.lead_id, "sequence": event.sequence}))
        if record.offset() + 1 >= ends[record.partition()]:
            del ends[record.partition()]


if __name__ == "__main__":
    sys.exit(main())

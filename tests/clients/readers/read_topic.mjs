// The topic by kafkajs, the value by protobufjs from the published .proto.
import { Kafka, logLevel } from "kafkajs";
import protobuf from "protobufjs";

const topic = "leadflow.assignment.v1";
const root = new protobuf.Root();
root.resolvePath = (_, target) => (target.startsWith("google/") ? target : `${process.env.PROTO}/${target}`);
await root.load("leadflow/assignment/v1/assignment_event.proto");
const AssignmentEvent = root.lookupType("leadflow.assignment.v1.AssignmentEvent");

const kafka = new Kafka({ brokers: [process.env.KAFKA_BROKERS], clientId: "foreign-node", logLevel: logLevel.ERROR });
const admin = kafka.admin();
await admin.connect();
const ends = new Map((await admin.fetchTopicOffsets(topic)).filter((one) => one.low !== one.high).map((one) => [one.partition, BigInt(one.high)]));
await admin.disconnect();
const consumer = kafka.consumer({ groupId: `foreign-node-${process.env.RUN}` });
await consumer.connect();
await consumer.subscribe({ topic, fromBeginning: true });
const giveUp = setTimeout(() => {
  console.error("the topic was not read to its end within 60 s");
  process.exit(1);
}, 60_000);
await new Promise((done) => {
  if (ends.size === 0) done();
  consumer.run({
    eachMessage: async ({ partition, message }) => {
      if (!ends.has(partition)) return;
      const event = AssignmentEvent.decode(message.value);
      // As Python writes it: the outputs of all readers are compared as text.
      console.log(`{"lead": "${event.leadId}", "sequence": ${event.sequence}}`);
      if (BigInt(message.offset) + 1n >= ends.get(partition)) ends.delete(partition);
      if (ends.size === 0) done();
    },
  });
});
clearTimeout(giveUp);
await consumer.disconnect();

// What a sender says about each event that it sent: one JSON object a line on standard output.

/** A line for check_timelines.py. */
export function expect(client, source, person, messageId, kind, more = {}) {
  process.stdout.write(`${JSON.stringify({ client, source, person, message_id: messageId, kind, ...more })}\n`)
}

/** A variable that run.sh sets. */
export function required(name) {
  const value = process.env[name]
  if (!value) throw new Error(`${name} is not set: run tests/clients/run.sh`)
  return value
}

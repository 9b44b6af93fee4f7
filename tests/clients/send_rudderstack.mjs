// @rudderstack/rudder-sdk-node: gzip by default, under the content type that axios gives a buffer.

import { createHash } from 'node:crypto'
import RudderAnalytics from '@rudderstack/rudder-sdk-node'
import { expect, required } from './expected.mjs'

const client = 'rudder-sdk-node'
const run = required('RUN')
const analytics = new RudderAnalytics(required('RUDDERSTACK_WRITE_KEY'), { dataPlaneUrl: required('LEADFLOW_INGEST_URL'), flushAt: 40, maxQueueSize: 4_000_000, flushInterval: 1000 })

const user = `rudder-${run}`
const id = (name) => `${client}-${run}-${name}`
const originalTimestamp = new Date(Date.parse(required('STARTED')) - 5 * 60_000)
const sent = []
const call = (method, name, kind, message) => {
  sent.push([name, kind])
  return new Promise((resolve, reject) =>
    analytics[method]({ userId: user, messageId: id(name), originalTimestamp, ...message }, (error) => (error ? reject(error) : resolve())),
  )
}

const done = [
  call('identify', 'identify', 'identify', { traits: { email: `${user}@rudder.example`, company: { name: 'Rudder Ltd' } } }),
  call('track', 'demo', 'demo_request', { event: 'Demo Requested', properties: { message: 'Please' } }),
  call('page', 'page', 'page_view', { name: 'Docs' }),
  call('screen', 'screen', 'page_view', { name: 'Settings' }),
  call('group', 'group', 'group', { groupId: `rudder-ltd-${run}` }),
  call('alias', 'alias', 'alias', { previousId: `rudder-old-${run}` }),
]
// More than half a mebibyte in one batch, which only a RudderStack source may send; of text that does not shrink a
// hundredfold, because that would be a bomb.
const noise = (seed) => Array.from({ length: 300 }, (_, part) => createHash('sha256').update(`${seed}-${part}`).digest('hex')).join('')
for (let number = 0; number < 30; number += 1) {
  done.push(call('track', `large-${number}`, 'custom', { event: 'Large', properties: { pad: noise(number) } }))
}
await analytics.flush()
await Promise.all(done)
for (const [name, kind] of sent) expect(client, 'app', { user_id: user }, id(name), kind)

// @segment/analytics-node: every call, in batches, with message ids of our own so that a second run repeats them.

import { Analytics } from '@segment/analytics-node'
import { expect, required } from './expected.mjs'

const client = 'analytics-node'
const run = required('RUN')
const analytics = new Analytics({ writeKey: required('LEADFLOW_WRITE_KEY'), host: required('LEADFLOW_INGEST_URL'), flushAt: 4 })
analytics.on('error', (error) => {
  throw new Error(`${client}: ${JSON.stringify(error)}`)
})

const user = `node-${run}`
const anonymous = `node-browser-${run}`
const id = (name) => `${client}-${run}-${name}`
const when = (minutes) => new Date(Date.parse(required('STARTED')) - minutes * 60_000)

// The visits come first; identify then brings them to the person.
analytics.page({ anonymousId: anonymous, name: 'Pricing', properties: { path: '/pricing' }, messageId: id('page'), timestamp: when(30) })
analytics.screen({ anonymousId: anonymous, name: 'Home', messageId: id('screen'), timestamp: when(25) })
analytics.identify({ userId: user, anonymousId: anonymous, traits: { email: `${user}@node.example`, firstName: 'Noa' }, messageId: id('identify'), timestamp: when(20) })
analytics.group({ userId: user, groupId: `acme-${run}`, traits: { name: 'Acme', employees: 300 }, messageId: id('group'), timestamp: when(15) })
analytics.track({ userId: user, event: 'Demo Requested', properties: { message: 'Hello', seats: 20 }, messageId: id('demo'), timestamp: when(10) })
analytics.track({ userId: user, event: 'Something Of Our Own', properties: { nested: { a: [1, 2], b: null } }, messageId: id('custom'), timestamp: when(9) })
analytics.alias({ userId: user, previousId: `node-phone-${run}`, messageId: id('alias'), timestamp: when(8) })
await analytics.closeAndFlush({ timeout: 20_000 })

const kinds = { page: 'page_view', screen: 'page_view', identify: 'identify', group: 'group', demo: 'demo_request', custom: 'custom', alias: 'alias' }
for (const [name, kind] of Object.entries(kinds)) expect(client, 'web', { user_id: user }, id(name), kind)

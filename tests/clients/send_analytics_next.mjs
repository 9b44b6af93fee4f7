// @segment/analytics-next in a page in real headless Chromium. The library finds this door by its settings alone; the message
// ids are its own and read from its requests, which are then sent again, byte for byte.

import { createServer } from 'node:http'
import { build } from 'esbuild'
import { chromium } from 'playwright-core'
import { expect, required } from './expected.mjs'

const client = 'analytics-next'
const run = required('RUN')
const ingest = required('LEADFLOW_INGEST_URL')
const port = Number(required('PAGE_PORT'))
// Chromium says HeadlessChrome, which is a bot to us; this is what a person's says.
const userAgent = 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36'
const kinds = { page: 'page_view', track: 'custom', identify: 'identify', group: 'group' }

const bundle = await build({ entryPoints: [new URL('page.mjs', import.meta.url).pathname], bundle: true, write: false, format: 'iife', nodePaths: [required('NODE_MODULES')] })
const server = createServer((request, response) => {
  const script = request.url === '/page.js'
  response.setHeader('content-type', script ? 'text/javascript' : 'text/html')
  response.end(script ? bundle.outputFiles[0].contents : '<!doctype html><title>Pricing</title><script src="/page.js"></script>')
}).listen(port, '127.0.0.1')
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox'] })

/** One visitor: a browser of its own. Waits for that many events, and returns what the library sent. */
async function visit(integrations, number, act) {
  const context = await browser.newContext({ userAgent })
  const page = await context.newPage()
  const sent = []
  const answers = []
  page.on('request', (request) => {
    if (request.method() === 'POST' && request.url().startsWith(ingest)) sent.push({ url: request.url(), body: request.postData(), headers: request.headers() })
    else if (!request.url().startsWith(ingest) && !request.url().includes(`:${port}/`)) throw new Error(`the page called ${request.url()}`)
  })
  page.on('response', (response) => {
    if (response.request().method() === 'POST') answers.push(response.status())
  })
  await page.goto(`http://127.0.0.1:${port}/pricing?utm_source=news`)
  await page.evaluate(([key, url, options]) => window.load(key, url, options), [required('BROWSER_WRITE_KEY'), ingest, integrations])
  await act(page)
  const events = () => sent.flatMap(({ body }) => JSON.parse(body).batch ?? [JSON.parse(body)])
  const wanted = () => events().length >= number && answers.length >= sent.length
  for (let tries = 0; tries < 300 && !wanted(); tries += 1) await page.waitForTimeout(100)
  if (answers.some((status) => status !== 200)) throw new Error(`${client}: answers ${answers}`)
  // The very same requests again, as a browser does that did not hear the answer.
  for (const { url, body, headers } of sent) {
    const again = await fetch(url, { method: 'POST', body, headers: { ...headers, origin: `http://127.0.0.1:${port}` } })
    if (again.status !== 200) throw new Error(`${client}: again ${again.status} ${await again.text()}`)
  }
  await context.close()
  if (events().length !== number) throw new Error(`${client}: ${events().length} events, ${number} were meant`)
  return events()
}

const person = (name) => `${name}-next-${run}`
const email = (name) => `${person(name)}@next.example`

// One call a request; the visits before identify are the person's afterwards.
const ada = await visit({}, 4, (page) =>
  page.evaluate(async ([id, address]) => {
    await window.analytics.page('Pricing')
    await window.analytics.track('Video Watched', { seconds: 40 })
    await window.analytics.identify(id, { email: address, firstName: 'Ada' })
    await window.analytics.group('acme', { name: 'Acme' })
  }, [person('ada'), email('ada')]),
)
for (const event of ada) expect(client, 'web', { user_id: person('ada') }, event.messageId, kinds[event.type])

// In batches, and two people one after the other on one browser.
const batching = { 'Segment.io': { deliveryStrategy: { strategy: 'batching', config: { size: 3, timeout: 1000 } } } }
const shared = await visit(batching, 4, (page) =>
  page.evaluate(async (people) => {
    for (const [id, address] of people) {
      await window.analytics.identify(id, { email: address })
      await window.analytics.track('Video Watched', { by: id })
    }
  }, [[person('bob'), email('bob')], [person('eve'), email('eve')]]),
)
for (const event of shared) {
  const [own, other] = event.userId === person('bob') ? ['bob', 'eve'] : ['eve', 'bob']
  expect(client, 'web', { user_id: person(own) }, event.messageId, kinds[event.type])
  expect(client, 'web', { user_id: person(other) }, event.messageId, kinds[event.type], { absent: true })
}

await browser.close()
server.close()

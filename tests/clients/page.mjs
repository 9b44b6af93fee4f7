// The script of the test page: what a website would write, with analytics-next bundled by esbuild.

import { AnalyticsBrowser } from '@segment/analytics-next'

window.load = (writeKey, cdnURL, integrations) => {
  window.analytics = AnalyticsBrowser.load({ writeKey, cdnURL }, { integrations })
  return window.analytics.ready()
}

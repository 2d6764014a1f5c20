/**
 * A headless Chromium whose network is limited to this machine, for the tests of the page.
 */
import { describe, layer as layerSuite, type Vitest } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Fs from "node:fs"
import { type Browser, chromium, type Page } from "playwright-core"
import * as Fixture from "./Fixture.ts"

const executablePath = [
  process.env.CHROMIUM_PATH,
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
  "/usr/bin/google-chrome-stable",
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"
].find((path) => path !== undefined && Fs.existsSync(path))

/** A `describe` for tests that need a browser; skipped, with a message, where there is none. */
export const suite = (name: string, tests: (it: Vitest.MethodsNonLive<WebBrowser>) => void): void => {
  if (executablePath === undefined) {
    console.warn(`Skipped: no Chromium was found; CHROMIUM_PATH can name one: ${name}`)
  }
  const block = executablePath === undefined ? describe.skip : describe
  block(name, () => {
    layerSuite(layer, { timeout: "30 seconds" })(tests)
  })
}

/**
 * One page of a browser with a temporary profile, for all tests of a suite: a new one is a new process, which takes
 * longer than a test. The emulators of tests have origins of their own.
 */
export class WebBrowser extends Context.Service<WebBrowser, Page>()("@strata/emulator/test/WebBrowser") {}

const layer = Layer.effect(
  WebBrowser,
  Effect.acquireRelease(
    Fixture.attempt(() =>
      chromium.launch({
        ...(executablePath === undefined ? undefined : { executablePath }),
        args: [
          "--headless",
          "--no-sandbox",
          "--disable-gpu",
          "--disable-quic",
          "--no-first-run",
          "--disable-background-networking",
          "--disable-component-update",
          "--disable-sync",
          "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost"
        ]
      })
    ),
    (browser) => Effect.promise(() => browser.close())
  ).pipe(Effect.flatMap((browser: Browser) => Fixture.attempt(() => browser.newPage())))
).pipe(Layer.orDie)

/** A page, the URLs of its requests, and its console errors and warnings. */
export interface Observed {
  readonly page: Page
  readonly asked: ReadonlyArray<string>
  readonly complaints: ReadonlyArray<string>
}

/** The page at a URL, until the scope closes. Its waits time out after ten seconds. */
export const open = Effect.fnUntraced(function*(url: string) {
  const page = yield* WebBrowser
  yield* Effect.addFinalizer(() =>
    Effect.promise(async () => {
      page.removeAllListeners()
      await page.goto("about:blank")
    })
  )
  const asked: Array<string> = []
  const complaints: Array<string> = []
  page.setDefaultTimeout(10_000)
  page.on("request", (request) => asked.push(request.url()))
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) complaints.push(message.text())
  })
  page.on("pageerror", (error) => complaints.push(String(error)))
  yield* Fixture.attempt(() => page.goto(url))
  return { page, asked, complaints } satisfies Observed
})

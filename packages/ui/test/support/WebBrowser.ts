/** A headless Chromium whose network is this machine, the example `web-chat` as a process, and the page of a stranger. */
import { Context, Effect, Layer } from "effect"
import { build } from "esbuild"
import { spawn } from "node:child_process"
import * as Fs from "node:fs"
import { createServer, request } from "node:http"
import * as Path from "node:path"
import { type Browser, chromium } from "playwright-core"

const executablePath = [
  process.env["CHROMIUM_PATH"],
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
  "/usr/bin/google-chrome-stable",
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"
].find((path) => path !== undefined && Fs.existsSync(path))

/** Whether there is a browser; says so where there is none. */
export const isThere = executablePath !== undefined
if (!isThere) console.warn("Skipped: no Chromium was found; CHROMIUM_PATH can name one: pages of @strata/ui")

/** What the tests of a file share: to start it takes longer than a test. */
export class Shared extends Context.Service<Shared, {
  readonly browser: Browser
  readonly server: { readonly url: string; readonly stop: () => void }
  readonly stranger: string
}>()("@strata/ui/test/Shared") {}

/** A page, with what went wrong in it. */
export const open = Effect.fnUntraced(function*(url: string) {
  const { browser } = yield* Shared
  const page = yield* Effect.acquireRelease(
    Effect.promise(() => browser.newPage({ viewport: { width: 390, height: 780 } })),
    (page) => Effect.promise(() => page.close())
  )
  const complaints: Array<string> = []
  page.setDefaultTimeout(30_000)
  page.on("console", (message) => {
    if (message.type() === "error") complaints.push(message.text())
  })
  page.on("pageerror", (error) => complaints.push(String(error)))
  yield* Effect.promise(() => page.goto(url))
  return { page, complaints }
})

const launched = Effect.acquireRelease(
  Effect.promise(() =>
    chromium.launch({
      ...(executablePath !== undefined && { executablePath }),
      args: [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--no-first-run",
        "--disable-background-networking",
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost"
      ]
    })
  ),
  (browser) => Effect.promise(() => browser.close())
)

/** The example, as a user starts it; gives its URL. */
const webChat = Effect.acquireRelease(
  Effect.callback<{ readonly url: string; readonly stop: () => void }>((resume) => {
    const example = Path.resolve(import.meta.dirname, "../../../../examples/web-chat.ts")
    const child = spawn(process.execPath, [example], {
      env: { ...process.env, PORT: "0", STRATA_PROVIDER: "local" },
      stdio: ["ignore", "pipe", "inherit"]
    })
    let output = ""
    child.stdout.on("data", (bytes) => {
      output += String(bytes)
      const url = /Open (http:\S+)/.exec(output)?.[1]
      if (url !== undefined) resume(Effect.succeed({ url, stop: () => child.kill("SIGKILL") }))
    })
    child.on("exit", (code) => resume(Effect.die(new Error(`web-chat ended with ${code}: ${output}`))))
  }),
  ({ stop }) => Effect.sync(stop)
)

/** Serves the page of the stranger, and passes what it asks on to the chat, as a development server does. */
const stranger = Effect.fnUntraced(function*(target: string) {
  const { outputFiles } = yield* Effect.promise(() =>
    build({
      entryPoints: [Path.resolve(import.meta.dirname, "../browser/stranger.jsx")],
      bundle: true,
      write: false,
      format: "esm",
      target: "es2022",
      jsx: "automatic",
      define: { "process.env.NODE_ENV": "\"development\"" },
      logLevel: "error"
    })
  )
  const html =
    "<!doctype html><meta charset=utf-8><link rel=icon href=data:,><div id=root></div><script type=module src=/app.js></script>"
  const server = createServer((incoming, outgoing) => {
    if (incoming.url === "/app.js") {
      outgoing.setHeader("content-type", "text/javascript")
      return outgoing.end(outputFiles[0]?.text)
    }
    if (!incoming.url?.startsWith("/api/")) {
      outgoing.setHeader("content-type", "text/html")
      return outgoing.end(html)
    }
    const passed = request(
      target + incoming.url,
      { method: incoming.method, headers: { ...incoming.headers, host: new URL(target).host } },
      (answer) => {
        outgoing.writeHead(answer.statusCode ?? 500, answer.headers)
        answer.pipe(outgoing)
      }
    )
    outgoing.on("close", () => passed.destroy())
    passed.on("error", () => outgoing.destroy())
    return incoming.pipe(passed)
  })
  yield* Effect.acquireRelease(
    Effect.callback<void>((resume) => void server.listen(0, "127.0.0.1", () => resume(Effect.void))),
    () =>
      Effect.sync(() => {
        server.closeAllConnections()
        server.close()
      })
  )
  const address = server.address()
  return `http://127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}`
})

/** The browser, the example and the page of the stranger. */
export const layer = Layer.effect(
  Shared,
  Effect.gen(function*() {
    const [browser, server] = yield* Effect.all([launched, webChat], { concurrency: 2 })
    return { browser, server, stranger: yield* stranger(server.url) }
  })
)

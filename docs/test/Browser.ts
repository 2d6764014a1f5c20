/**
 * A headless Chromium that reaches nothing but this machine.
 */
import * as Fs from "node:fs"
import { type Browser, chromium } from "playwright-core"

const executablePath = [
  process.env.CHROMIUM_PATH,
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
  "/usr/bin/google-chrome-stable",
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"
].find((path) => path !== undefined && Fs.existsSync(path))

/** Starts one, if there is any on this machine. */
export const launch = async (): Promise<Browser | undefined> =>
  executablePath === undefined ? undefined : chromium.launch({
    executablePath,
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

/**
 * Serves the files of the emulator's web page, without a build step or external resources.
 */
import * as Effect from "effect/Effect"
import * as Fs from "node:fs/promises"
import * as Module from "node:module"
import * as Url from "node:url"
import type * as AwsError from "../AwsError.ts"
import type * as Exchange from "../http/Exchange.ts"
import type * as HttpResponse from "../http/HttpResponse.ts"
import * as Admission from "./Admission.ts"

/** The response with a file; the empty name is the page. Fails with 404 for an unknown file. */
export const file = (name: string): Effect.Effect<HttpResponse.Whole, AwsError.AwsError> => {
  const path = name === "" ? "page.html" : name
  const type = types[path.slice(path.lastIndexOf("."))]
  if (type === undefined || !files.has(path)) return Effect.fail(Admission.nothingHere)
  return Effect.tryPromise({
    try: () => Fs.readFile(new URL(path, folder())),
    catch: () => Admission.nothingHere
  }).pipe(Effect.map((body) => ({ type: "whole", status: 200, headers: { ...headers, "content-type": type }, body })))
}

/** The sources are published: they are found by the name of the package, wherever a build puts this module. */
const folder = (): URL =>
  new URL(
    "./src/web/page/",
    Url.pathToFileURL(Module.createRequire(import.meta.url).resolve("@strata/emulator/package.json"))
  )

const files: ReadonlySet<string> = new Set([
  "page.html",
  "page.css",
  "icon.svg",
  "page.js",
  "address.js",
  "batches.js",
  "chart.js",
  "counters.js",
  "detail.js",
  "element.js",
  "faultForm.js",
  "faultWords.js",
  "faults.js",
  "format.js",
  "news.js",
  "quotas.js",
  "recording.js",
  "requests.js",
  "script.js",
  "server.js",
  "snippets.js",
  "trial.js"
])

const types: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".svg": "image/svg+xml"
}

/** The page loads and connects to nothing but the emulator, and cannot be framed or read by others. */
const headers: Exchange.Headers = {
  "content-security-policy": [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'"
  ].join("; "),
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff"
}

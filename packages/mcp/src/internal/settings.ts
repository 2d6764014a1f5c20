/** The checks of the options of a connection, and what they are when they are not given. */
import * as Check from "@strata/core/Check"
import type * as Tool from "@strata/core/tool/Tool"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { isObject } from "effect/Predicate"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import type * as McpAuthentication from "../McpAuthentication.ts"
import type { HttpOptions, McpServer, Options, StdioOptions, ToolError } from "../McpServer.ts"
import type * as Catalog from "./catalog.ts"

export const names = { provider: "mcp", whole: "options" }

/** The durations of the options are `Duration`s. */
export const durationOf = (given: Duration.Input | undefined, usual: Duration.Duration): Duration.Duration =>
  Check.toDuration(given) ?? usual

export const of = (given: Options): Catalog.Settings => ({
  server: given.server,
  startTimeout: durationOf(given.startTimeout, Duration.seconds(30)),
  timeout: durationOf(given.timeout, Duration.seconds(60)),
  maxTimeout: durationOf(given.maxTimeout, Duration.minutes(10)),
  maxMessageBytes: given.maxMessageBytes ?? 16 * 1024 * 1024,
  failureMode: given.failureMode ?? "return",
  select: given.select ?? (() => true),
  media: new Set(given.media ?? ["image/png", "image/jpeg", "image/gif", "image/webp", "application/pdf"])
})

const duration = Check.optional(Check.duration({ zero: false }))

const general: Check.Fields<Options> = {
  server: Check.filled,
  connect: Check.optional(Check.word(["now", "lazily"])),
  startTimeout: duration,
  timeout: duration,
  maxTimeout: duration,
  maxMessageBytes: Check.optional(
    Check.number({ min: 1024, whole: true, what: "a number of bytes from 1024", remedy: "Use a number of bytes" })
  ),
  failureMode: Check.optional(Check.word<Tool.FailureMode>(["return", "error"])),
  select: Check.optional(Check.callback()),
  media: Check.optional(Check.list(Check.filled))
}

const secretText: Check.Check<string | Redacted.Redacted> = (given, at) =>
  typeof given === "string" || Redacted.isRedacted(given) && typeof Redacted.value(given) === "string"
    ? given as string | Redacted.Redacted // of a string
    : Check.refuseKind(at, Redacted.isRedacted(given) ? "(redacted)" : given, "Give text, or a `Redacted` of text")

/** Values by names that `isName` accepts. */
const values = (
  isName: RegExp,
  isValue: RegExp,
  remedy: string
): Check.Check<Readonly<Record<string, string | Redacted.Redacted>>> =>
(given, at) => {
  if (!isObject(given)) return Check.refuseKind(at, given, remedy)
  const copy: Record<string, string | Redacted.Redacted> = {}
  for (const name of Object.keys(given)) {
    if (given[name] === undefined) continue
    const value = Check.part(secretText, given, name, at)
    if (value === Check.refused) return Check.refused
    const text = Redacted.isRedacted(value) ? Redacted.value(value) : value
    if (!isName.test(name) || !isValue.test(`${text}`)) {
      at.path.push(name)
      return Check.refuse(at, "its name or its value has characters that are not allowed", remedy)
    }
    copy[name] = value
  }
  return copy
}

export const stdio = Check.struct<StdioOptions>({
  ...general,
  command: Check.filled,
  args: Check.optional(Check.list(Check.text)),
  // eslint-disable-next-line no-control-regex
  env: Check.optional(values(/^[^=\0]+$/, /^[^\0]*$/, "Give an object with the variables")),
  extendEnv: Check.optional(Check.flag),
  cwd: Check.optional(Check.filled),
  closeTimeout: duration
}, { remedy: "Give an object with `server` and `command`" })

const url: Check.Check<string> = (given, at) => {
  const text = Check.filled(given, at)
  if (text === Check.refused) return text
  const parsed = Result.getOrUndefined(Result.try(() => new URL(text)))
  return parsed?.protocol === "http:" || parsed?.protocol === "https:"
    ? text
    : Check.refuse(at, "it is not an HTTP URL", "Give a URL such as \"https://mcp.example.com/mcp\"")
}

const authentication = Check.struct<McpAuthentication.Authentication>({
  store: Check.struct<McpAuthentication.Store>({
    // The type of an effect's value cannot be checked.
    get: Check.instance(Effect.isEffect, "Give an `Effect`") as Check.Check<McpAuthentication.Store["get"]>,
    compareAndSet: Check.callback()
  }, { others: "ignored", remedy: "Give a store, such as that of `McpAuthentication.makeStore`" }),
  refresh: Check.optional(Check.callback())
}, { remedy: "Give an object with `store`" })

export const http = Check.struct<HttpOptions>({
  ...general,
  url,
  headers: Check.optional(
    values(/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/, /^[\t\x20-\x7e\x80-\xff]*$/, "Give an object with the headers")
  ),
  authentication: Check.optional(authentication)
}, { remedy: "Give an object with `server` and `url`" })

export const servers = <E, R>(): Check.Check<
  ReadonlyArray<Effect.Effect<McpServer<ToolError<Tool.FailureMode>>, E, R>>
> =>
  Check.list(
    // The type of an effect's value cannot be checked.
    Check.instance(Effect.isEffect, "Give effects of `McpTools.stdio` or `McpTools.http`") as Check.Check<
      Effect.Effect<McpServer<ToolError<Tool.FailureMode>>, E, R>
    >,
    { most: 1000, remedy: "Give an array of effects of `McpTools.stdio` or `McpTools.http`" }
  )

/**
 * The page `docs/errors.md`: every error that the packages export, from their doc comments, the policies and real failures.
 *
 *     node packages/snippets/src/errors/Page.ts       writes it
 */
import { ProviderError } from "@strata/core"
import { Cause, Effect, References, type Schema } from "effect"
import * as Fs from "node:fs"
import * as Behaviour from "./Behaviour.ts"
import * as Documented from "./Documented.ts"
import { failures as others } from "./OtherFailures.ts"
import { failures as ofProviders } from "./ProviderFailures.ts"

/** Where the page is. */
export const page = new URL("../../../../docs/errors.md", import.meta.url)

export const failures: Readonly<Record<string, Effect.Effect<unknown, unknown>>> = { ...ofProviders, ...others }

/** What a failure fails with; anything else is a defect. */
export const provoked = (tag: string): Effect.Effect<unknown> =>
  Effect.flip(failures[tag]!).pipe(
    Effect.timeout("30 seconds"),
    Effect.orDie,
    Effect.provideService(References.MinimumLogLevel, "None")
  )

const messageOf = (error: unknown) =>
  error instanceof Error || typeof error === "object" && error !== null && "message" in error
    ? `${error.message}`
    : `${error}`

/** A message without what differs from run to run: ids, ports, and the tunnel that leads to the emulator. */
const settled = (message: string) =>
  message
    .replaceAll(/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, "8d3f2c1e-5b7a-4f60-9c21-0e6d4a7b9f35")
    .replaceAll(/, through the proxy http:\/\/127\.0\.0\.1:\d+/g, "")

const common = Object.keys(ProviderError.PermissionDeniedError.fields)

const services = (tag: string) => {
  const has = (union: { readonly members: ReadonlyArray<{ readonly identifier: string }> }) =>
    union.members.some(({ identifier }) => identifier === tag)
  if (has(ProviderError.CallError)) return "every call of a service"
  return {
    StreamInterruptedError:
      "`ChatService.stream`, `ChatService.objectStream`, `ToolLoop.stream` and `Conversation` where it streams",
    StructuredOutputError: "`ChatService.object`, `ChatService.objectStream` and `StructuredOutput.decode`",
    QueueFullError: "`BatchService.submit`"
  }[tag]
}

const yes = (is: boolean) => is ? "yes" : "no"

const retriesOf = (behaviour: Behaviour.Behaviour) => behaviour.retries === 0 ? "no" : `${behaviour.retries} times`

/** The names and types of fields, without those that all errors of providers have. */
const fieldsOf = ({ schema, tag }: Documented.Documented) =>
  Object.entries(schema)
    .filter(([name]) =>
      name !== "_tag" && name !== "cause" && name !== "message" && !(tag in ProviderError && common.includes(name))
    )
    .map(([name, field]) => `\`${name}${isOptional(field) ? "?" : ""}\` (${typeOf(field)})`)

const astOf = (field: Schema.Constraint) => (field as Schema.Top).ast

const isOptional = (field: Schema.Constraint) => astOf(field).context?.isOptional === true

const typeOf = (field: Schema.Constraint): string => {
  const name = (ast: Schema.Top["ast"]): string => {
    switch (ast._tag) {
      case "Union":
        return [...new Set(ast.types.filter(({ _tag }) => _tag !== "Undefined").map(name))].join(", ")
      case "Literal":
        return `\`${ast.literal}\``
      case "Arrays":
        return "list"
      case "Declaration":
        return declared(ast)
      case "Objects":
        return "object"
      default:
        return Types[ast._tag] ?? "value"
    }
  }
  return name(astOf(field))
}

const Types: Readonly<Record<string, string>> = { String: "text", Number: "number", Boolean: "boolean" }

const declared = ({ annotations = {} }: Schema.Top["ast"]): string => {
  if (`${annotations["identifier"]}` in ProviderError) return "an error of a provider"
  return `${annotations["expected"]}`.toLowerCase() === "duration" ? "duration" : "value"
}

const section = Effect.fnUntraced(function*(error: Documented.Documented) {
  const { fields, name, remedy, summary, tag, when } = error
  const failure = tag in failures ? yield* provoked(tag) : undefined
  const message = failure === undefined ? [] : ["", "```text", `${tag}: ${settled(messageOf(failure))}`, "```"]
  const behaviour = ProviderError.isProviderError(failure) ? yield* Behaviour.of(failure) : undefined
  const own = fieldsOf(error)
  const facts = [
    `- Class: \`${name}\` of \`${error.from}\`.`,
    ...(behaviour === undefined ? [] : [
      `- Fails with it: ${services(tag)}.`,
      `- Retried by \`Retry.standard\`: ${retriesOf(behaviour)}. Counted by a breaker: ${
        yes(behaviour.opensBreaker)
      }. ` +
      `Answered by a fallback: ${yes(behaviour.leavesService)}; by another lane of a pool: ${
        yes(behaviour.leavesLane)
      }. ` +
      `Used tokens: ${behaviour.isFree ? "none" : "maybe"}.`
    ])
  ]
  return {
    row: behaviour === undefined ? undefined : [
      `[${tag}](#${tag.toLowerCase()})`,
      retriesOf(behaviour),
      yes(behaviour.opensBreaker),
      yes(behaviour.leavesService),
      yes(behaviour.leavesLane),
      behaviour.isFree ? "none" : "maybe"
    ],
    text: [
      `## ${tag}`,
      "",
      summary,
      "",
      `**When.** ${when}`,
      ...message,
      "",
      `**What to do.** ${remedy}`,
      "",
      ...facts,
      ...(own.length === 0 ? [] : ["", `${tag in ProviderError ? "Fields of its own" : "Fields"}: ${own.join("; ")}.`]),
      ...(fields === "" ? [] : ["", fields])
    ].join("\n")
  }
})

/** The page as it should be. */
export const made: Effect.Effect<string> = Effect.gen(function*() {
  const sections = yield* Effect.forEach(Documented.all(), section)
  const row = (cells: ReadonlyArray<string>) => `| ${cells.join(" | ")} |`
  return [
    "# Errors",
    "",
    "Every tagged error of the packages, by its tag. `Effect.catchTag(\"RateLimitError\", …)` handles one of them; a log shows the tag, the",
    "message and the spans of the program. This page is made of the doc comments of the classes, of what the policies do with each of",
    "them, and of failures that an emulator, a wrong option or a lost store caused.",
    "",
    "The message of a provider's error says who was asked and where, what came back in the provider's own words, the id of the request, and",
    "one remedy. Its fields:",
    "",
    "- `provider`, `model`: who was asked; `server`: the host, where a region does not name it.",
    "- `message`: all of it in one text; `providerMessage`: the words of the provider; `exception`: its name of the error.",
    "- `requestId`: the provider's id of the request, for its support.",
    "- `cause`: the error below, if any.",
    "",
    "No error holds a prompt or a secret, and only a `StructuredOutputError` holds an answer.",
    "",
    row(["error of a provider", "retried", "opens a breaker", "fallback", "other lane", "tokens used"]),
    row(Array.from({ length: 6 }, () => ":--")),
    ...sections.flatMap(({ row: cells }) => cells === undefined ? [] : [row(cells)]),
    "",
    "*retried*: how often `Retry.standard` sends the call of the example below again. *fallback*, *other lane*: whether `withFallback` or",
    "`withPool` ask another service, unless `when` says otherwise.",
    "",
    sections.map(({ text }) => text).join("\n\n"),
    ""
  ].join("\n")
})

if (import.meta.main) {
  Effect.runFork(Effect.matchCause(made, {
    onFailure: (cause) => console.error(Cause.pretty(cause)),
    onSuccess: (text) => Fs.writeFileSync(page, text)
  }))
}

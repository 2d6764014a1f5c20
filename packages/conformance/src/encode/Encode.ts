/**
 * Repeats recorded requests through our API, and compares the sent bodies with the recorded ones.
 *
 * Bodies of InvokeModel without a service of ours must be sent byte for byte.
 */
import { BedrockClient, BedrockTokens, Guardrail } from "@strata/bedrock"
import { ChatEvent, ChatService } from "@strata/core"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Check from "../Check.ts"
import { askStream } from "../decode/Invoked.ts"
import { compare, type Difference } from "../Difference.ts"
import * as Recording from "../Recording.ts"
import type { Product } from "../subject/Product.ts"
import type { Answer, Received, Wire } from "../subject/Wire.ts"
import * as EventStream from "../wire/EventStream.ts"
import * as Json from "../wire/Json.ts"
import * as Changes from "./Changes.ts"
import * as ChatRequest from "./ChatRequest.ts"
import * as Content from "./Content.ts"
import * as EmbeddingRequest from "./EmbeddingRequest.ts"

/** Repeats one recorded request. Exchanges without a recorded request are skipped. */
export const encode: Check.Check<Recording.Recording, Product | Wire> = (recording) => {
  const body = Recording.requestOf(recording)
  if (!Json.isObject(body)) return Effect.undefined
  switch (recording.op) {
    case "converse":
    case "converse-stream":
      return chat(recording, withoutNulls(body))
    case "invoke":
    case "invoke-with-response-stream":
      return invoke(recording, body)
    case "count-tokens":
      return countTokens(recording, body)
    case "apply-guardrail":
      return guardrail(recording, body)
    default:
      return Effect.undefined
  }
}

const withoutNulls = (body: Json.JsonObject): Json.JsonObject =>
  Object.fromEntries(Object.entries(body).filter(([, value]) => value !== null))

/** Any answer suffices; it reports the changes. */
export const answers = {
  converse: {
    status: 200,
    headers: { "content-type": "application/json" },
    body: Buffer.from(
      `{"output":{"message":{"role":"assistant","content":[{"text":"Hello"}]}},"stopReason":"end_turn","usage":{"inputTokens":1,"outputTokens":1,"totalTokens":2},"metrics":{"latencyMs":1}}`
    )
  },
  stream: {
    status: 200,
    headers: { "content-type": "application/vnd.amazon.eventstream" },
    body: Buffer.concat([
      EventStream.event("messageStart", `{"role":"assistant"}`),
      EventStream.event("contentBlockDelta", `{"contentBlockIndex":0,"delta":{"text":"Hello"}}`),
      EventStream.event("contentBlockStop", `{"contentBlockIndex":0}`),
      EventStream.event("messageStop", `{"stopReason":"end_turn"}`),
      EventStream.event(
        "metadata",
        `{"usage":{"inputTokens":1,"outputTokens":1,"totalTokens":2},"metrics":{"latencyMs":1}}`
      )
    ])
  }
} satisfies Record<string, Answer>

const chat = Effect.fnUntraced(function*(recording: Recording.Recording, body: Json.JsonObject) {
  const { places, request, unsupported } = ChatRequest.reverse(recording.model, body)
  const streams = recording.op === "converse-stream"
  const { outcome, received } = yield* Check.attempt(
    streams ? answers.stream : answers.converse,
    streams ? ChatEvent.collect(ChatService.stream(request)) : ChatService.generate(request)
  )
  const missing = unsupported.map((path): Difference => ({ path, problem: "unsupported" }))
  // a request that the service refused may be refused before it is sent
  if (outcome.type === "error" && recording.status >= 400) return { differences: [] }
  if (outcome.type !== "value") return { differences: Check.unlessValue(outcome, () => []) }
  const changes = outcome.value.providerMetadata.bedrock?.changes ?? []
  const differences = Changes.unexplained(comparable(body), comparable(sent(received)), changes, places)
  return {
    differences: [
      ...missing,
      ...differences.filter(({ path }) =>
        !unsupported.some((other) => path.startsWith(other) || other.startsWith(path))
      ),
      ...checkPath(recording, received)
    ],
    changes: changes.map(({ type }) => type)
  }
})

/** Normalizes a body for comparison: drops the default tool choice, and parses schemas in text. */
const comparable = (body: Json.Json): Json.Json => {
  if (!Json.isObject(body)) return body
  const { outputConfig, toolConfig, ...rest } = body
  const { toolChoice, ...offered } = Json.object(toolConfig) ?? {}
  const isAuto = Json.member(toolChoice, "auto") !== undefined
  return {
    ...rest,
    ...(outputConfig !== undefined && { outputConfig: read(outputConfig) }),
    ...(toolConfig !== undefined && {
      toolConfig: { ...offered, ...(toolChoice !== undefined && !isAuto && { toolChoice }) }
    })
  }
}

/** Parses schemas in text, at any depth. */
const read = (value: Json.Json): Json.Json =>
  Json.isObject(value)
    ? Object.fromEntries(
      Object.entries(value).map(([name, inner]) => [
        name,
        name === "schema" && typeof inner === "string"
          ? Result.getOrElse(Json.parse(inner), () => inner)
          : read(inner)
      ])
    )
    : value

/** The body of the first request, `null` without one. */
const sent = ([request]: ReadonlyArray<Received>): Json.Json =>
  request === undefined ? null : Result.getOrElse(Json.parseBytes(request.body), () => null)

/** A model id that the service refused may be sent as the one it accepts. */
const checkPath = (recording: Recording.Recording, [request]: ReadonlyArray<Received>): ReadonlyArray<Difference> =>
  recording.status === 200 ? compare(Recording.pathOf(recording), request?.path, "exact", "(path)") : []

const invoke = Effect.fnUntraced(function*(recording: Recording.Recording, body: Json.JsonObject) {
  const service = recording.status === 200 ? EmbeddingRequest.ask(recording.model, body) : undefined
  if (service !== undefined) return yield* asked(recording, body, service)
  const call = recording.op === "invoke-with-response-stream"
    ? Effect.asVoid(askStream(recording))
    : Effect.flatMap(
      BedrockClient.BedrockClient,
      (client) => client.invokeModel({ modelId: recording.model, body: recording.request })
    )
  const { received } = yield* Check.attempt(recording, call)
  return {
    differences: compare(recording.request, received[0] && Buffer.from(received[0].body).toString(), "exact", "(body)")
  }
})

/** Calls a service, with the recorded answer, and compares the sent body. */
const asked = <A, E, R>(recording: Recording.Recording, body: Json.JsonObject, call: Effect.Effect<A, E, R>) =>
  Effect.map(Check.attempt(recording, call), ({ outcome, received }): Check.Finding => ({
    differences: received.length === 0
      ? Check.unlessValue(outcome, () => [])
      : [...compare(body, sent(received), "exact"), ...checkPath(recording, received)]
  }))

const countTokens = Effect.fnUntraced(function*(recording: Recording.Recording, body: Json.JsonObject) {
  const conversation = Json.object(body, "input", "converse")
  const invoked = Json.text(body, "input", "invokeModel", "body")
  if (conversation !== undefined) {
    const { request } = ChatRequest.reverse(recording.model, conversation)
    return yield* asked(recording, body, BedrockTokens.count(request))
  }
  if (invoked === undefined) return { differences: [{ path: "input", problem: "unsupported" as const }] }
  return yield* asked(
    recording,
    body,
    Effect.flatMap(BedrockClient.BedrockClient, (client) =>
      client.countTokens({
        modelId: recording.model,
        input: { invokeModel: { body: Buffer.from(invoked, "base64") } }
      }))
  )
})

const guardrail = Effect.fnUntraced(function*(recording: Recording.Recording, body: Json.JsonObject) {
  const unsupported: Array<Difference> = []
  const content = Json.list(body, "content").flatMap((block, index) => {
    const [part] = Content.parts([{ guardContent: block }], "content", () => {})
    if (part?.type === "text" || part?.type === "image") return [part]
    unsupported.push({ path: `content[${index}]`, problem: "unsupported" })
    return []
  })
  const scope = Json.text(body, "outputScope")
  const { differences } = yield* asked(
    recording,
    body,
    Guardrail.apply({
      guardrail: { id: recording.model, version: Recording.guardrailVersion(recording) },
      source: Json.text(body, "source") === "OUTPUT" ? "output" : "input",
      content,
      ...(scope !== undefined && { outputScope: scope === "FULL" ? "full" : "interventions" })
    })
  )
  return { differences: [...unsupported, ...differences] }
})

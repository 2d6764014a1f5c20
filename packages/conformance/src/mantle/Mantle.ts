/**
 * Plays recorded exchanges of Bedrock's endpoint `mantle`, which speaks OpenAI's API, to `@strata/openai`.
 *
 * - decode: the answer of each API, whole and streamed. For a list of models: each one is asked at the API and the path that
 *   it has.
 * - encode: the recorded request, repeated by our API, has the recorded body and path.
 * - round trip: the answer in a conversation is sent back, also after its JSON codec.
 */
import { ChatEvent, ChatResponse, ChatService, Message, Policy } from "@strata/core"
import { OpenAiBedrock, OpenAiChat } from "@strata/openai"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Check from "../Check.ts"
import { compare, type Difference } from "../Difference.ts"
import * as Recording from "../Recording.ts"
import { type Received, Wire } from "../subject/Wire.ts"
import * as Json from "../wire/Json.ts"
import * as Answer from "./Answer.ts"
import * as Request from "./Request.ts"

/** One direction for exchanges of mantle, `bedrock` for all others. */
export const or = <R>(
  mantle: Check.Check<Recording.Recording, Wire>,
  bedrock: Check.Check<Recording.Recording, R>
): Check.Check<Recording.Recording, R | Wire> =>
(recording): Effect.Effect<Check.Finding | undefined, never, R | Wire> =>
  Recording.isMantle(recording.op) ? mantle(recording) : bedrock(recording)

const apiOf = ({ op }: Recording.Recording): Answer.Api | undefined =>
  op.endsWith("/responses") ? "responses" : op.endsWith("/chat/completions") ? "chat-completions" : undefined

const pathOf = ({ op }: Recording.Recording): string => op.slice(op.indexOf(":") + 1)

const streams = (recording: Recording.Recording): boolean =>
  Json.member(Recording.requestOf(recording), "stream") === true

/** Runs a call with the product at the endpoint. */
const asking = <A, E>(
  api: OpenAiChat.Options["api"],
  call: Effect.Effect<A, E, ChatService.ChatService>
): Effect.Effect<A, E, Wire> =>
  Effect.flatMap(Wire, ({ url }) =>
    Effect.provide(
      call,
      OpenAiChat.layer({ api, policy: Policy.none }).pipe(
        Layer.provide(
          OpenAiBedrock.layer({ endpoint: "mantle", region: "us-east-1", apiKey: "conformance", baseUrl: url })
        ),
        Layer.orDie
      )
    ))

/** Whole or streamed, as it was recorded. */
const ask = (recording: Recording.Recording, request: Parameters<typeof ChatService.generate>[0]) =>
  asking(
    apiOf(recording),
    streams(recording) ? ChatEvent.collect(ChatService.stream(request)) : ChatService.generate(request)
  )

const modelOf = (recording: Recording.Recording): string =>
  Json.text(Recording.requestOf(recording), "model") ?? recording.model

export const decode: Check.Check<Recording.Recording, Wire> = (recording) => {
  const api = apiOf(recording)
  if (api === undefined) return routes(recording)
  const answer = Answer.read(api, recording.body, streams(recording))
  const question = { model: modelOf(recording), messages: "Hello" }
  return Effect.gen(function*() {
    const { outcome } = yield* Check.attempt(recording, ask(recording, question))
    const differences = Check.unlessValue(outcome, (response) => checkAnswer(response, answer))
    if (answer.deltas === undefined) return { differences }
    const { outcome: streamed } = yield* Check.attempt(
      recording,
      asking(api, Stream.runCollect(ChatService.stream(question)))
    )
    const pieces = (events: ReadonlyArray<ChatEvent.ChatEvent>, type: ChatEvent.ChatEvent["type"]) =>
      events.map((event) => event.type === type && "delta" in event ? event.delta : "").join("")
    return {
      differences: [
        ...differences,
        ...Check.unlessValue(streamed, (events) =>
          compare(
            answer.deltas,
            {
              text: pieces(events, "text-delta"),
              reasoning: pieces(events, "reasoning-delta")
            },
            "exact",
            "deltas"
          ))
      ]
    }
  })
}

const checkAnswer = (response: ChatResponse.ChatResponse, answer: Answer.Answer): ReadonlyArray<Difference> => {
  const { finishReason, message, providerMetadata, usage } = response
  return compare({ ...answer, deltas: undefined, sentBack: undefined }, {
    id: providerMetadata.openai?.id,
    parts: message.content,
    finishReason,
    usage
  }, "at least")
}

/**
 * OpenAI's own models answer to Responses only, and at another root, see the user guide of Bedrock; so do the newest of some
 * vendors, as users report, to both APIs.
 */
const routes = Effect.fnUntraced(function*(recording: Recording.Recording) {
  const differences: Array<Difference> = []
  for (const { id } of Json.objects(Json.list(Result.getOrUndefined(Json.parseBytes(recording.body)), "data"))) {
    const model = String(id)
    const { received } = yield* Check.attempt(
      anyAnswer,
      asking("auto", ChatService.generate({ model, messages: "Hello" }))
    )
    const isHosted = model.startsWith("openai.gpt-") && !model.startsWith("openai.gpt-oss")
    const isNewest = model.startsWith("xai.grok-") || model.startsWith("google.gemma-4")
    const path = isHosted ? "/openai/v1/responses" : `${isNewest ? "/openai" : ""}/v1/chat/completions`
    differences.push(...compare(path, received[0]?.path, "exact", `(path of ${model})`))
  }
  return { differences }
})

/** An answer to each API. */
const anyAnswer = {
  status: 200,
  headers: { "content-type": "application/json" },
  body: Buffer.from(
    `{"object":"response","status":"completed","output":[],"choices":[{"index":0,"finish_reason":"stop","message":{"role":"assistant","content":"Hi"}}]}`
  )
}

export const encode: Check.Check<Recording.Recording, Wire> = (recording) => {
  const body = Recording.requestOf(recording)
  if (apiOf(recording) === undefined || body === undefined) return Effect.undefined
  return Effect.map(
    Check.attempt(recording, ask(recording, Request.reverse(body))),
    ({ outcome, received }): Check.Finding => ({
      differences: received.length === 0 ? Check.unlessValue(outcome, () => []) : [
        ...compare(Request.comparable(body), Request.comparable(sent(received)), "exact"),
        ...compare(pathOf(recording), received[0]?.path, "exact", "(path)")
      ]
    })
  )
}

const sent = (received: ReadonlyArray<Received>): Json.Json | undefined =>
  received[0] && Result.getOrUndefined(Json.parseBytes(received[0].body))

const codec = Schema.toCodecJson(ChatResponse.ChatResponse)

export const roundTrip: Check.Check<Recording.Recording, Wire> = (recording) => {
  const api = apiOf(recording)
  if (api === undefined) return Effect.undefined
  const answer = Answer.read(api, recording.body, streams(recording))
  const model = modelOf(recording)
  return Effect.gen(function*() {
    const { outcome } = yield* Check.attempt(recording, ask(recording, { model, messages: "Hello" }))
    if (outcome.type !== "value") return { differences: Check.unlessValue(outcome, () => []) }
    const stored = yield* Schema.encodeEffect(codec)(outcome.value).pipe(
      Effect.flatMap(Schema.decodeUnknownEffect(codec)),
      Effect.orDie
    )
    const differences: Array<Difference> = []
    for (const { message, toolCalls } of [outcome.value, stored]) {
      const results = toolCalls.map(({ id }) => ({ type: "tool-result" as const, id, result: "ok" }))
      const messages = [
        Message.user("Hello"),
        message,
        results.length > 0 ? Message.tool(results) : Message.user("Go on")
      ]
      const next = yield* Check.attempt(recording, ask(recording, { model, messages }))
      const body = sent(next.received)
      const items = [...Json.list(body, "messages"), ...Json.list(body, "input")].slice(1, 1 + answer.sentBack.length)
      differences.push(...compare(answer.sentBack, items, "exact", "(sent back)"))
    }
    return { differences }
  })
}

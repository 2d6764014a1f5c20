/**
 * Appends recorded answers to a conversation and compares the blocks sent back with the received ones, also after the
 * answer was encoded and decoded as JSON.
 */
import type { ToolDefinition } from "@strata/core"
import { ChatEvent, ChatResponse, ChatService, Message } from "@strata/core"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Check from "./Check.ts"
import { compare, type Difference } from "./Difference.ts"
import { answers } from "./encode/Encode.ts"
import type { Recording } from "./Recording.ts"
import type { Product } from "./subject/Product.ts"
import type { Wire } from "./subject/Wire.ts"
import * as ConverseAnswer from "./wire/ConverseAnswer.ts"
import * as Json from "./wire/Json.ts"

/** Sends one answer back. Failed and empty answers are not sent back. */
export const roundTrip: Check.Check<Recording, Product | Wire> = (recording) => {
  const streams = recording.op === "converse-stream"
  if (recording.status !== 200 || recording.op !== "converse" && !streams) return Effect.undefined
  const { blocks, failure, problem } = streams
    ? ConverseAnswer.fromStream(recording.body)
    : ConverseAnswer.fromBody(recording.body)
  if (problem !== undefined || failure !== undefined || blocks.every(ConverseAnswer.isEmptyText)) {
    return Effect.undefined
  }
  const question = { model: recording.model, messages: "Hello" }
  const asked = streams ? ChatEvent.collect(ChatService.stream(question)) : ChatService.generate(question)
  return Effect.flatMap(
    Check.attempt(recording, asked),
    ({ outcome }): Effect.Effect<Check.Finding, never, Product | Wire> =>
      outcome.type === "value"
        ? bothWays(recording, blocks, outcome.value)
        : Effect.succeed({ differences: Check.unlessValue(outcome, () => []) })
  )
}

type Blocks = ReadonlyArray<Json.JsonObject>

/** The answer as received, and as decoded from a store. */
const bothWays = Effect.fnUntraced(function*(
  recording: Recording,
  blocks: Blocks,
  response: ChatResponse.ChatResponse
) {
  const plain = yield* sendBack(recording, blocks, response)
  const stored = yield* Effect.result(throughJson(response))
  if (Result.isFailure(stored)) {
    const difference: Difference = { path: "(stored)", problem: "different", actual: stored.failure.message }
    return { ...plain, differences: [...plain.differences, difference] }
  }
  const again = yield* sendBack(recording, blocks, stored.success)
  const known = new Set(plain.differences.map(({ path }) => path))
  return {
    ...plain,
    differences: [
      ...plain.differences,
      ...again.differences.filter(({ path }) => !known.has(path))
        .map((difference) => ({ ...difference, path: `(stored) ${difference.path}` }))
    ]
  }
})

const codec = Schema.fromJsonString(Schema.toCodecJson(ChatResponse.ChatResponse))

const throughJson = (response: ChatResponse.ChatResponse) =>
  Effect.flatMap(Schema.encodeEffect(codec)(response), Schema.decodeEffect(codec))

/** The next request of the conversation: the answer and the message that follows. */
const sendBack = Effect.fnUntraced(function*(
  recording: Recording,
  blocks: Blocks,
  { message }: ChatResponse.ChatResponse
) {
  const { outcome, received } = yield* Check.attempt(
    answers.converse,
    ChatService.generate({
      model: recording.model,
      messages: [Message.user("Hello"), message, ...followUp(blocks)],
      tools: toolsOf(blocks)
    })
  )
  if (outcome.type !== "value") return { differences: Check.unlessValue(outcome, () => []) }
  const changes = outcome.value.providerMetadata.bedrock?.changes ?? []
  const body = received[0] && Result.getOrUndefined(Json.parseBytes(received[0].body))
  const [, sent] = Json.list(body, "messages")
  const keepsEmpty = blocks.some(ConverseAnswer.isSealed)
  const said = keepsEmpty ? blocks : blocks.filter((block) => !ConverseAnswer.isEmptyText(block))
  // changes beside signed reasoning invalidate it, so they do not excuse a difference
  const isReported = !keepsEmpty && changes.some(({ field }) => field.startsWith("messages[1]"))
  return {
    differences: isReported ? [] : compare(said, Json.list(sent, "content"), "exact", "content"),
    changes: changes.map(({ type }) => type)
  }
})

const callsOf = (blocks: Blocks): Blocks => Json.objects(blocks, "toolUse")

const isOfTheProvider = (call: Json.JsonObject): boolean => call["type"] === "server_tool_use"

/** Results for all calls of the program's tools; without calls, a user message. */
const followUp = (blocks: Blocks): ReadonlyArray<Message.Message> => {
  const calls = callsOf(blocks).filter((call) => !isOfTheProvider(call))
  return calls.length === 0 ? [Message.user("Go on")] : [Message.tool(calls.map((call): Message.ToolResultPart => ({
    type: "tool-result",
    id: Json.text(call, "toolUseId") ?? "",
    result: "done"
  })))]
}

const toolsOf = (blocks: Blocks): ReadonlyArray<ToolDefinition.RequestTool> => [
  ...new Map(
    callsOf(blocks).map((call) => {
      const name = Json.text(call, "name") ?? ""
      const tool: ToolDefinition.RequestTool = isOfTheProvider(call)
        ? { type: "provider", provider: "aws.bedrock", name }
        : { name, inputSchema: { type: "object", properties: {} } }
      return [name, tool] as const
    })
  ).values()
]

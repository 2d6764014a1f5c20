/**
 * The codec of the Chat Completions API: a request to its body, and its answer to ours, whole or in chunks.
 */
import type * as ChatEvent from "@strata/core/chat/ChatEvent"
import type * as ChatRequest from "@strata/core/chat/ChatRequest"
import * as ChatResponse from "@strata/core/chat/ChatResponse"
import * as ProviderError from "@strata/core/ProviderError"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import type { Answer, Head } from "../client/Answer.ts"
import type { Asked } from "../error/Facts.ts"
import * as Network from "../error/Network.ts"
import * as Wording from "../error/Wording.ts"
import * as OpenAiError from "../OpenAiError.ts"
import * as Assembly from "./answer/Assembly.ts"
import * as Chunk from "./answer/Chunk.ts"
import * as Outcome from "./answer/Outcome.ts"
import * as Streaming from "./answer/Streaming.ts"
import type { Codec, Exchange, Target } from "./Codec.ts"
import * as Body from "./request/Body.ts"

export const codec: Codec = {
  encode: (request, target) => Result.map(Body.encode(request, target), (encoded) => exchange(request, target, encoded))
}

const exchange = (request: ChatRequest.Resolved, target: Target, encoded: Body.Encoded): Exchange => {
  const { body, report, tools } = encoded
  const { model } = request
  const asked: Asked = { provider: target.provider, model, server: target.server, request: body }

  const assembly = () =>
    Assembly.make({
      model,
      seed: target.seed,
      answerTool: tools.answerTool,
      format: tools.format,
      shapes: tools.shapes,
      tools: tools.names,
      recover: target.profile.recoverToolCalls,
      tags: target.profile.reasoningTags,
      stopSequences: request.stopSequences ?? [],
      promptCharacters: encoded.promptCharacters,
      warnings: report.warnings
    })

  /** An answer without the call that was required is none. */
  const uncalled = ({ outcome, parts }: Assembly.End): ProviderError.CallError | undefined => {
    const isWhole = outcome.finishReason === "stop" || outcome.finishReason === "tool-calls"
    if (!encoded.needsCall || !isWhole || parts.some(({ type }) => type === "tool-call")) return undefined
    const { requestId } = outcome
    return new ProviderError.ModelFailedError({
      provider: target.provider,
      model,
      server: target.server,
      requestId,
      message: Wording.message(
        { ...asked, requestId },
        "the request demands a tool call, and the model made none",
        "Use a model that calls tools; where the calls are in its text, set `recoverToolCalls` in the profile"
      )
    })
  }

  const decode = (answer: Answer): Result.Result<ChatResponse.ChatResponse, ProviderError.CallError> => {
    const { requestId } = answer
    const malformed = (problem: string) => Result.fail(OpenAiError.malformed(asked, requestId, problem))
    const choice = Chunk.read(answer.body)?.choice
    if (choice === undefined) return malformed("the answer has no `choices`")
    // A withheld answer may have no message.
    if (!choice.hasMessage && choice.finishReason !== "content_filter") return malformed("the answer has no message")
    const whole = assembly()
    const added = whole.add(answer.body)
    if (Result.isFailure(added)) {
      return "problem" in added.failure
        ? malformed(added.failure.problem)
        : Result.fail(OpenAiError.fromAnswer(asked, answer, added.failure.error, 0))
    }
    const end = whole.end(requestId)
    const error = uncalled(end)
    return error === undefined ? Result.succeed(ChatResponse.make(end.parts, end.outcome)) : Result.fail(error)
  }

  const failed = (head: Head) => (failure: Assembly.Failure) =>
    "problem" in failure
      ? Effect.failSync(() => OpenAiError.malformed(asked, head.requestId, failure.problem))
      : Effect.flatMap(
        Clock.currentTimeMillis,
        (now) => Effect.fail(OpenAiError.fromAnswer(asked, head, failure.error, now))
      )

  return {
    path: "chat/completions",
    body,
    decode,
    stream: ({ events, ...head }) =>
      Stream.suspend(() => {
        const pieces = assembly()
        return Streaming.make(events, {
          assembly: pieces,
          ended: () => {
            const end = pieces.end(head.requestId)
            const error = uncalled(end)
            const finish: ChatEvent.ChatEvent = { type: "finish", ...end.outcome }
            return error === undefined
              ? Result.succeed([...end.events, finish])
              : Result.fail({ events: end.events, error })
          },
          failed: failed(head),
          truncated: () =>
            Network.classify(
              { ...asked, requestId: head.requestId },
              undefined,
              "the stream ended before the answer was complete"
            )
        })
      }),
    filtered: (filter, requestId) => ChatResponse.make([], Outcome.withheld(model, requestId, filter, report.warnings))
  }
}

/**
 * Applies a guardrail to a conversation: checks the prompt before the model reads it and the answer before the client
 * does.
 *
 * Where a prompt marks content to guard, only that is checked. A stream is buffered until it was checked, unless the
 * request asks for `async`: then it is checked as it is sent.
 */
import type * as ChatEvent from "@strata/core/chat/ChatEvent"
import * as ChatResponse from "@strata/core/chat/ChatResponse"
import * as Message from "@strata/core/chat/Message"
import * as Usage from "@strata/core/Usage"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import * as AwsError from "../AwsError.ts"
import type * as Block from "../converse/Block.ts"
import type * as Wire from "../converse/Wire.ts"
import * as Guardrail from "./Guardrail.ts"

/** One request under its guardrail. The verdict on the answer is available after the answer was guarded. */
export interface Guarding {
  /** The answer when the prompt was blocked. */
  readonly refusal: ChatResponse.ChatResponse | undefined
  readonly guardResponse: (response: ChatResponse.ChatResponse) => ChatResponse.ChatResponse
  readonly guardStream: <E, R>(
    events: Stream.Stream<ChatEvent.ChatEvent, E, R>
  ) => Stream.Stream<ChatEvent.ChatEvent, E, R>
  /** The `trace` of the response, when it was requested. */
  readonly trace: () => { readonly guardrail: unknown } | undefined
}

/** Checks the prompt of a request; fails when the guardrail does not exist. Without a guardrail everything passes. */
export const make = (
  request: Wire.Request,
  guardrails: ReadonlyArray<Guardrail.Guardrail>,
  region: string
): Result.Result<Guarding, AwsError.AwsError> => {
  const { guardrailIdentifier = "", guardrailVersion = "", streamProcessingMode, trace } = request.guardrailConfig ?? {}
  if (guardrailIdentifier === "" && guardrailVersion === "") return Result.succeed(unguarded)
  return Guardrail.find(guardrails, region, guardrailIdentifier, guardrailVersion).pipe(
    Result.mapError(AwsError.validation),
    Result.map((named) => guarding(named, request, { sync: streamProcessingMode !== "async", trace }))
  )
}

const unguarded: Guarding = {
  refusal: undefined,
  guardResponse: (response) => response,
  guardStream: (events) => events,
  trace: () => undefined
}

const guarding = (
  named: Guardrail.Named,
  request: Wire.Request,
  options: { readonly sync: boolean; readonly trace: Wire.GuardrailConfig["trace"] }
): Guarding => {
  const full = options.trace === "enabled_full"
  const input = Guardrail.judge(named, "INPUT", materialOf(request), full)
  let output: { readonly verdict: Guardrail.Verdict; readonly text: string } | undefined

  const judgeOutput = (text: string): Guardrail.Verdict => {
    const material = { texts: [text], totalCharacters: text.length, images: 0 }
    const verdict = Guardrail.judge(named, "OUTPUT", material, full)
    output = { verdict, text }
    return verdict
  }

  /** Checks the text so far with every event; after a block, only the end is sent. */
  const watch = () => {
    const textOf = makeTextOf()
    let text = ""
    let stopped = false
    return (event: ChatEvent.ChatEvent): ReadonlyArray<ChatEvent.ChatEvent> => {
      if (event.type === "finish") return [stopped ? { ...event, finishReason: "guardrail" } : event]
      if (stopped) return []
      const said = textOf(event)
      if (said === "") return [event]
      text += said
      const { intervened, message } = judgeOutput(text)
      if (!intervened) return [event]
      stopped = true
      return "index" in event ? [{ type: "text-delta", index: event.index, delta: message }] : []
    }
  }

  return {
    refusal: input.intervened ? refusal(input.message) : undefined,
    guardResponse: (response) => {
      const { intervened, message } = judgeOutput(Message.textOf(response.message))
      return intervened
        ? ChatResponse.make([Message.text(message)], { ...response, finishReason: "guardrail" })
        : response
    },
    guardStream: (events) =>
      options.sync
        ? Stream.unwrap(Effect.map(Stream.runCollect(events), (collected) => {
          const { intervened, message } = judgeOutput(collected.map(makeTextOf()).join(""))
          return Stream.fromIterable(
            intervened
              ? collected.flatMap((event): ReadonlyArray<ChatEvent.ChatEvent> =>
                event.type === "finish"
                  ? [{ type: "text-delta", index: 0, delta: message }, { ...event, finishReason: "guardrail" }]
                  : []
              )
              : collected
          )
        }))
        : Stream.suspend(() => Stream.flattenIterable(Stream.map(events, watch()))),
    trace: () => {
      if (options.trace === undefined || options.trace === "disabled") return undefined
      const { id } = named.guardrail
      return {
        guardrail: {
          actionReason: (input.intervened ? input : output?.verdict ?? input).actionReason,
          inputAssessment: { [id]: input.assessment },
          ...(output === undefined ? undefined : {
            modelOutput: [output.text],
            outputAssessments: { [id]: [output.verdict.assessment] }
          })
        }
      }
    }
  }
}

const refusal = (message: string) =>
  ChatResponse.make([Message.text(message)], {
    finishReason: "guardrail",
    usage: Usage.empty,
    model: "guardrail",
    providerMetadata: {}
  })

/** The text of an event; a text part after its deltas adds nothing. */
const makeTextOf = () => {
  const said = new Set<number>()
  return (event: ChatEvent.ChatEvent): string => {
    if (event.type === "text-delta") {
      said.add(event.index)
      return event.delta
    }
    return event.type === "part" && event.part.type === "text" && !said.has(event.index) ? event.part.text : ""
  }
}

const materialOf = ({ messages = [], system = [] }: Wire.Request): Guardrail.Material => {
  const blocks: ReadonlyArray<Block.Content> = messages.flatMap(({ content }) => content)
  const guarded = [...system, ...blocks].flatMap(({ guardContent }) => guardContent ?? [])
  const texts = blocks.flatMap(({ guardContent, text }) => text ?? guardContent?.text?.text ?? [])
  return {
    texts: guarded.length === 0 ? texts : guarded.flatMap(({ text }) => text?.text ?? []),
    totalCharacters: texts.reduce((sum, text) => sum + text.length, 0),
    images: blocks.filter(({ guardContent, image }) => image ?? guardContent?.image).length
  }
}

/**
 * Scripted answers, as a value or a JSON file: a list of answers, or rules that match requests.
 *
 * A script stands in for the models behind an emulator. Its answers are checked, counted, streamed and struck by faults
 * like any other.
 */
import * as ChatRequest from "@strata/core/chat/ChatRequest"
import * as ChatService from "@strata/core/chat/ChatService"
import * as Message from "@strata/core/chat/Message"
import type * as EmbeddingService from "@strata/core/embedding/EmbeddingService"
import * as ProviderError from "@strata/core/ProviderError"
import { TestChat } from "@strata/core/testing"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import * as Emulator from "../Emulator.ts"
import * as JsonFile from "../JsonFile.ts"
import * as Embedding from "./Embedding.ts"
import * as Rule from "./Rule.ts"
import * as ScriptedAnswer from "./ScriptedAnswer.ts"
import * as ScriptJson from "./ScriptJson.ts"

/**
 * The answers of a script.
 *
 * - A list of answers, given in order to the calls of chat models. `atEnd`: after the last one, an error (`fail`, the
 *   default), or the last one again (`repeat`).
 * - Or `rules`: the first that matches gives the answer; without a match, `default`, or else an error.
 *
 * An embedding without a matching rule is computed from its words: the more words two texts share, the closer they are.
 * A model's own refusals, such as of an input that is too long, need no script.
 *
 * @example
 * const script: Script.Script = {
 *   rules: [
 *     { when: { text: "weather", call: 1 }, answer: { parts: [{ tool: "get_weather", input: { city: "Oslo" } }] } },
 *     { when: { regex: "^[Hh]ello" }, answer: { chunks: ["Hel", "lo"], interval: "20 millis" } },
 *     { when: { text: "fail" }, answer: { error: { exception: "ThrottlingException" } } }
 *   ],
 *   default: "I do not know."
 * }
 */
export type Script = ScriptJson.Script
/** @see {@link Script} */
export const Script = ScriptJson.Script

/** Parses the text of a script; `file` names it in errors. */
export const fromText: (text: string, file: string) => Result.Result<Script, JsonFile.JsonFileError> = JsonFile
  .fromText(Script)

/** Reads a file. The error names every invalid path and the expected value. */
export const read: (file: string) => Effect.Effect<Script, JsonFile.JsonFileError, FileSystem.FileSystem> = JsonFile
  .read(Script)

/** A script that can be edited, and the services that answer by it. */
export interface Editable {
  readonly control: ScriptJson.Control
  readonly services: Layer.Layer<ChatService.ChatService | EmbeddingService.EmbeddingService>
}

/**
 * A script that can be edited. `otherwise` replies to a call of a chat model without an answer in the script; by default
 * such a call fails.
 */
export const editable = (
  initial: Script,
  otherwise?: (request: ChatRequest.Resolved) => TestChat.Reply
): Editable => {
  let current = initial
  let choose = chooser(initial)
  const chosen: Choose = (call) => choose(call)
  return {
    control: {
      script: () => current,
      set: (script) => {
        current = script
        choose = chooser(script)
      }
    },
    services: Layer.merge(chat(chosen, otherwise), Embedding.layer(chosen))
  }
}

/**
 * The services of a script, to test a program with, or for a custom emulator.
 *
 * Rules can match the model only if the emulator passes it on: `answeringModel: (model) => model.id`, as {@link
 * layerEmulator} does.
 */
export const layer = (script: Script): Layer.Layer<ChatService.ChatService | EmbeddingService.EmbeddingService> =>
  Layer.unwrap(Effect.sync(() => editable(script).services))

/** An emulator with scripted answers, which counts input tokens itself. Its script can be edited on its page. */
export const layerEmulator = (
  script: Script,
  options?: Emulator.Options
): Layer.Layer<Emulator.Emulator, Emulator.EmulatorError> =>
  Layer.unwrap(Effect.sync(() => layerEditable(editable(script), options)))

/** {@link layerEmulator} with an editable script. */
export const layerEditable = (
  { control, services }: Editable,
  options?: Emulator.Options
): Layer.Layer<Emulator.Emulator, Emulator.EmulatorError> =>
  Layer.effect(
    Emulator.Emulator,
    Effect.updateService(
      Emulator.make({
        inputTokens: "counted",
        answeringModel: (model) => model.id,
        backend: { script: control },
        ...options
      }),
      ChatService.ChatService,
      asWritten
    )
  ).pipe(Layer.provide(services))

/** Unwraps an error in the middle of a stream from core's. */
const asWritten = ({ generate, stream }: ChatService.ChatService["Service"]): ChatService.ChatService["Service"] => ({
  generate,
  stream: (request) =>
    Stream.mapError(
      stream(request),
      (error) => error._tag === "StreamInterruptedError" && ProviderError.isCallError(error.cause) ? error.cause : error
    )
})

/** The answer for a call, if there is one; fails with the problem of the script. */
type Choose = (call: Rule.Call) => Result.Result<ScriptedAnswer.ScriptedAnswer | undefined, string>

const chooser = (script: Script): Choose => {
  if ("rules" in script) {
    const choose = Rule.makeChooser(script.rules)
    return (call) =>
      Result.map(choose(call), (answer) => answer ?? (call.operation === "embed" ? undefined : script.default))
  }
  const { answers, atEnd } = "answers" in script ? script : { answers: script }
  let next = 0
  return ({ operation }) => {
    if (operation === "embed") return Result.succeed(undefined)
    const last = atEnd === "repeat" ? answers.length - 1 : Infinity
    return Result.succeed(answers[Math.min(next++, last)])
  }
}

/** The test double does not say whether it streams: there is one for each operation, sharing a script. */
const chat = (
  choose: Choose,
  otherwise: (request: ChatRequest.Resolved) => TestChat.Reply | undefined = () => undefined
): Layer.Layer<ChatService.ChatService> => {
  let calls = 0
  const replying = (operation: "generate" | "stream") =>
    Effect.map(
      Layer.build(TestChat.layer((request) => {
        const chosen = choose({
          operation,
          text: lastText(request),
          model: request.model,
          tools: (request.tools ?? []).map(({ name }) => name)
        })
        return Result.match(chosen, {
          onFailure: (problem) => ScriptedAnswer.wrongScript(problem, request.model),
          onSuccess: (answer) =>
            answer === undefined
              ? otherwise(request) ?? noAnswer(request, operation)
              : ScriptedAnswer.toReply(answer, ++calls)
        })
      }, { model: "script" })),
      Context.get(ChatService.ChatService)
    )
  return Layer.effect(
    ChatService.ChatService,
    Effect.map(
      Effect.all([replying("generate"), replying("stream")]),
      ([{ generate }, { stream }]) => ({ generate, stream })
    )
  ).pipe(
    // There are no invalid options here.
    Layer.orDie
  )
}

/** The last text of the user, without tool results. */
const lastText = (request: ChatRequest.ChatRequest): string => {
  const last = ChatRequest.messagesOf(request).findLast(({ role }) => role === "user")
  return last === undefined ? "" : Message.textOf(last)
}

const noAnswer = (request: ChatRequest.Resolved, operation: string) =>
  ProviderError.invalidRequest({
    provider: ScriptedAnswer.provider,
    model: request.model,
    field: "script",
    problem: `it has no answer left for this call (${operation}, model ${request.model}, last user message: ${
      JSON.stringify(lastText(request).slice(0, 100))
    })`,
    remedy: "Add an answer or a rule, a `default`, or `\"atEnd\": \"repeat\"`"
  })

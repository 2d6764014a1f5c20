/** One request of a language model made of a chat service: its options and tools, and how it hands out calls. */
import type * as ChatRequest from "@strata/core/chat/ChatRequest"
import type * as Message from "@strata/core/chat/Message"
import * as AiError from "effect/ai/AiError"
import type * as LanguageModel from "effect/ai/LanguageModel"
import type * as Response from "effect/ai/Response"
import * as AiTool from "effect/ai/Tool"
import * as Context from "effect/Context"
import * as Result from "effect/Result"
import * as Extras from "../extras.ts"
import * as FromPrompt from "./fromPrompt.ts"

/** Fields of a request that `effect/ai` has no place for. */
export type RequestOptions = Partial<
  Omit<ChatRequest.ChatRequest, "messages" | "tools" | "toolChoice" | "responseFormat">
>

/** The options of the requests of a fiber. */
export const Options = Context.Reference<RequestOptions>("@strata/effect-ai/StrataLanguageModel/Options", {
  defaultValue: () => ({})
})

/** The format of an answer that has a JSON schema and no schema of Effect. */
export const Format = Context.Reference<ChatRequest.JsonFormat | undefined>("@strata/effect-ai/Format", {
  defaultValue: () => undefined
})

/**
 * - `options`: of this request only.
 * - `tools`: those of the toolkit, known when it is resolved.
 * - `catchAll`, known then, too: whether calls of unknown tools go to the tool {@link unknownTool}; `unknown` has their names, by id.
 */
export interface Turn {
  readonly options: RequestOptions
  catchAll: boolean
  readonly unknown: Map<string, string>
  tools: Readonly<Record<string, AiTool.Any>>
}

/** The turn of the fiber that asks. */
export const Turn = Context.Reference<Turn>("@strata/effect-ai/Turn", {
  defaultValue: () => ({ options: {}, catchAll: false, unknown: new Map(), tools: {} })
})

/** The name, within `effect/ai`, of calls whose tool does not exist. The guard gives them their own name back. */
export const unknownTool = "strata_unknown_tool"

/** Hands out the calls of an answer. */
export interface Calls {
  /** An id that no other call of the conversation has. */
  readonly unique: (id: string) => string
  /** The call as a part, or why it cannot be one. */
  readonly part: (
    call: Message.ToolCallPart,
    id: string
  ) => Result.Result<Response.ToolCallPartEncoded, AiError.AiError>
  /** The name in the toolkit of a tool that the provider ran; `undefined` where it has none. */
  readonly providerTool: (name: string) => string | undefined
}

/** The calls of one answer. */
export const calls = (request: LanguageModel.ProviderOptions, turn: Turn, method: string): Calls => {
  const tools = Object.keys(turn.tools).length > 0
    ? turn.tools
    : Object.fromEntries(request.tools.map((tool) => [tool.name, tool]))
  const used = FromPrompt.callIds(request.prompt)
  return {
    unique: (id) => {
      const stem = id === "" ? "call" : id
      let candidate = id === "" ? "call-1" : id
      for (let count = 2; used.has(candidate); count++) candidate = `${stem}-${count}`
      used.add(candidate)
      return candidate
    },
    part: (call, id) => {
      const tool = Object.hasOwn(tools, call.name) ? tools[call.name] : undefined
      const isKnown = tool !== undefined && tool.name !== unknownTool
      if (!isKnown && !turn.catchAll && request.toolCallValidation !== "deferred") {
        return Result.fail(AiError.make({
          module: "LanguageModel",
          method,
          reason: new AiError.ToolNotFoundError({
            toolName: call.name,
            availableTools: Object.keys(tools).filter((name) => name !== unknownTool)
          })
        }))
      }
      if (!isKnown) turn.unknown.set(id, call.name)
      const metadata = Extras.toolCall.write({ ...call, params: undefined })
      return Result.succeed({
        type: "tool-call",
        id,
        name: isKnown || !turn.catchAll ? call.name : unknownTool,
        params: call.params,
        ...(metadata && { metadata })
      })
    },
    providerTool: (name) =>
      Object.values(tools).filter(AiTool.isProviderDefined).find(({ providerName }) => providerName === name)?.name
  }
}

/** The messages of a page as those of a chat: one assistant message and its results for each step. */
import * as Message from "@strata/core/chat/Message"
import * as Check from "@strata/core/Check"
import { isObject } from "effect/Predicate"
import * as UiMessage from "../UiMessage.ts"
import * as Files from "./files.ts"
import * as Metadata from "./metadata.ts"
import * as ToolParts from "./toolParts.ts"

/** Converts messages whose form has been checked. */
export const check = (settings: Files.Settings): Check.Check<ReadonlyArray<Message.Message>> => (given, at) => {
  const messages = given as ReadonlyArray<UiMessage.UiMessage> // checked before
  const history: Array<Message.Message> = []
  const rename = uniqueIds()
  for (const [index, message] of messages.entries()) {
    at.path.push(index)
    const converted = message.role === "assistant"
      ? ofAssistant(message, rename)
      : ofOther(message, settings, index === messages.length - 1, at)
    if (converted === Check.refused) return converted
    at.path.pop()
    history.push(...converted)
  }
  return history
}

const ofOther = (
  { parts, role }: UiMessage.UiMessage,
  settings: Files.Settings,
  isLast: boolean,
  at: Check.Cursor
): ReadonlyArray<Message.Message> | Check.Refused => {
  if (role === "system" && settings.system === "refuse") {
    at.path.push("role")
    return Check.refuse(at, "a page may not send system messages", "Set the system prompt on the server")
  }
  at.path.push("parts")
  const content: Array<Message.TextPart | Files.Media> = []
  let documents = 0
  for (const [index, part] of parts.entries()) {
    if (part.type === "text" && part.text !== "") content.push({ type: "text", text: part.text })
    if (part.type !== "file" || role === "system") continue
    at.path.push(index)
    const file = Files.read(part, settings, documents + 1, at)
    if (file === Check.refused) return file
    at.path.pop()
    if (file.type === "document") documents++
    content.push(file)
  }
  if (content.length === 0) return isLast ? Check.refuse(at, "the message has no content", "Send text or a file") : []
  at.path.pop()
  return role === "system"
    ? [Message.system(content.flatMap((part) => part.type === "text" ? [part] : []))]
    : [Message.user(content)]
}

const ofAssistant = (
  { parts }: UiMessage.UiMessage,
  rename: (id: string) => string
): ReadonlyArray<Message.Message> => {
  const history: Array<Message.Message> = []
  let content: Array<Message.AssistantPart> = []
  let results: Array<Message.ToolResultPart> = []
  const endStep = (): void => {
    if (content.length > 0) history.push(Message.assistant(content))
    if (results.length > 0) history.push(Message.tool(results))
    content = []
    results = []
  }
  for (const part of parts) {
    if (UiMessage.isToolPart(part)) {
      const call = ofCall(part, rename)
      if (call === undefined) continue
      content.push(call.call)
      if (call.call.providerExecuted === true) content.push(call.result)
      else results.push(call.result)
    } else if (part.type === "step-start") {
      endStep()
    } else {
      const kept = ofPart(part)
      if (kept !== undefined) content.push(kept)
    }
  }
  endStep()
  return history
}

const ofPart = (part: Exclude<UiMessage.UiPart, UiMessage.ToolPart>): Message.AssistantPart | undefined => {
  switch (part.type) {
    case "text": {
      const text = Metadata.decode("text", { text: part.text }, part.providerMetadata)
      return text.text === "" && text.citations === undefined ? undefined : text
    }
    case "reasoning": {
      const reasoning = Metadata.decode("reasoning", { text: part.text }, part.providerMetadata)
      // Reasoning that was cut off has no signature, and no model needs it.
      const isCut = part.state === "streaming" || reasoning.text === "" && reasoning.redacted === undefined
      return isCut && reasoning.signature === undefined ? undefined : reasoning
    }
    case "file": {
      const file = Files.ofAssistant(part)
      return file && Metadata.decode(file.type, file, part.providerMetadata)
    }
    case "custom":
      return ofProvider(part.providerMetadata)

    default:
      return undefined
  }
}

/** A block of a provider has no other place than the metadata. */
const ofProvider = (metadata: unknown): Message.ProviderPart | undefined => {
  const none = { provider: "", value: undefined }
  const strata = isObject(metadata) ? Reflect.get(metadata, "strata") : undefined
  if (!isObject(strata) || typeof strata["provider"] !== "string") return undefined
  const part = Metadata.decode("provider", { ...none, ...strata, provider: strata["provider"] }, metadata)
  return part.provider === "" ? undefined : part
}

/** A call and its one result. A call of the provider needs the result that the provider gave, or both are left out. */
const ofCall = (part: UiMessage.ToolPart, rename: (id: string) => string) => {
  const settled = ToolParts.settle(part)
  if (settled === undefined) return undefined
  const isProviders = part.providerExecuted === true
  if (isProviders && part.state !== "output-available" && part.state !== "output-error") return undefined
  const id = rename(part.toolCallId)
  const providers = { ...(isProviders && { providerExecuted: true }) }
  const call = Metadata.decode(
    "tool-call",
    { id, name: UiMessage.toolName(part), params: part.input ?? part.rawInput ?? {}, ...providers },
    part.callProviderMetadata
  )
  const { isFailure, result } = settled
  const ended = Metadata.decode(
    "tool-result",
    { id, result, ...(isFailure && { isFailure }), ...providers },
    part.resultProviderMetadata
  )
  return {
    call: isObject(call.params) ? call : { ...call, params: wrapped(call.params) },
    result: ended
  }
}

/** Providers take objects only; `ToolLoop` sends the arguments that a model wrote wrongly in the same form. */
const wrapped = (params: unknown): object => typeof params === "string" ? { INVALID_JSON: params } : { value: params }

/** Ids that were used before get a number: providers refuse two calls with one id. */
const uniqueIds = () => {
  const used = new Set<string>()
  return (id: string): string => {
    const stem = id === "" ? "call" : id
    let unique = stem
    for (let count = 2; used.has(unique); count++) unique = `${stem}-${count}`
    used.add(unique)
    return unique
  }
}

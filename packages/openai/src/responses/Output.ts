/**
 * The items of an answer as parts of our message. Total: an item that is not known is kept as it is.
 *
 * What only the server that wrote it can read stays in `providerFields.openai`, with its {@link Asked.Origin}:
 *
 * - of reasoning: `item`, the whole item without the server's id, if it has its encrypted form.
 * - of text: `annotations` in the API's own form, `refusal`, the `phase` of the message, and `joined` for a further piece of
 *   the same message item.
 *
 * `signature` is not used: it belongs to the providers that sign, and no other provider gets ours.
 */
import type * as Message from "@strata/core/chat/Message"
import * as ExactJson from "@strata/core/ExactJson"
import * as Result from "effect/Result"
import * as Shape from "../schema/Shape.ts"
import * as Asked from "./Asked.ts"
import * as Json from "./Json.ts"

/**
 * The parts of a complete item, the `nth` of the answer; none for a call that was cut, and for what is no item.
 */
export const parts = (item: unknown, nth: number, asked: Asked.Asked): ReadonlyArray<Message.AssistantPart> => {
  switch (Json.text(item, "type")) {
    case undefined:
      return []
    case "message":
      return Json.list(item, "content").map((content, at) => text(content, { item, at, asked }))
    case "reasoning":
      return [reasoning(item, asked)]
    case "function_call": {
      const call = toolCall(item, callId(item) ?? asked.callId(nth), asked)
      return isCut(item) || call === undefined ? [] : [call]
    }
    default:
      return [other(item, asked)]
  }
}

/** Whether the answer ended within the item. Some servers never set the status of a complete one. */
export const isCut = (item: unknown): boolean => {
  const status = Json.text(item, "status")
  return status === "incomplete" || status === "in_progress" && !isWhole(item)
}

/** The piece at a place of the content of a message item. */
export const text = (
  content: unknown,
  { asked, at, item }: { readonly item: unknown; readonly at: number; readonly asked: Asked.Asked }
): Message.TextPart => {
  const refusal = Json.text(content, "refusal")
  const annotations = Json.list(content, "annotations")
  const citations = annotations.flatMap((annotation) => citation(annotation) ?? [])
  const phase = Json.text(item, "phase")
  const own = {
    ...(annotations.length > 0 && { annotations }),
    ...(refusal !== undefined && { refusal: true }),
    ...(phase !== undefined && { phase, origin: originOf(asked) }),
    ...(at > 0 && { joined: true })
  }
  return {
    type: "text",
    text: refusal ?? Asked.erase(written(content), asked.shape),
    ...(citations.length > 0 && { citations }),
    ...(Object.keys(own).length > 0 && { providerFields: { openai: own } })
  }
}

/** The text of a piece, as the server wrote it. */
export const written = (content: unknown): string => Json.text(content, "refusal") ?? Json.text(content, "text") ?? ""

/** The citation of an annotation, if it is one. */
export const citation = (annotation: unknown): Message.Citation | undefined => {
  const title = Json.text(annotation, "title")
  const name = Json.text(annotation, "filename")
  switch (Json.text(annotation, "type")) {
    case "url_citation": {
      const url = Json.text(annotation, "url")
      return {
        ...(title !== undefined && { title }),
        ...(url !== undefined && { source: url }),
        location: { type: "web", ...(url !== undefined && { url }) }
      }
    }
    case "file_citation":
    case "container_file_citation":
    case "file_path": {
      const source = Json.text(annotation, "file_id")
      return { ...(name !== undefined && { title: name }), ...(source !== undefined && { source }) }
    }
    default:
      return undefined
  }
}

/** Reasoning: its summary where there is one, else its text. */
export const reasoning = (item: unknown, asked: Asked.Asked): Message.ReasoningPart => {
  const summary = textsOf(item, "summary")
  const isKept = Json.id(item, "encrypted_content") !== undefined
  return {
    type: "reasoning",
    text: summary === "" ? textsOf(item, "content") : summary,
    ...(isKept && { providerFields: { openai: { origin: originOf(asked), item: withoutId(item) } } })
  }
}

/** Texts of several pieces stand apart. */
export const between = "\n\n"

const textsOf = (item: unknown, key: string): string =>
  Json.list(item, key).map((piece) => Json.text(piece, "text") ?? "").join(between)

/** A call; `undefined` for one without a name. */
export const toolCall = (item: unknown, id: string, asked: Asked.Asked): Message.ToolCallPart | undefined => {
  const name = Json.text(item, "name")
  if (name === undefined || name === "") return undefined
  return { type: "tool-call", id, name, params: paramsOf(item, asked.shapes.get(name)) }
}

/** The id that results of a call name, if the server gave one. */
export const callId = (item: unknown): string | undefined =>
  Json.id(item, "call_id") ?? Json.id(item, "id") ?? Json.id(item, "item_id")

/** Arguments are text, or the object itself. */
const paramsOf = (item: unknown, shape: Shape.Shape | undefined): unknown => {
  const given = Json.member(item, "arguments")
  const params = typeof given === "string" ? ExactJson.params(given) : given ?? {}
  return shape === undefined ? params : Shape.restore(shape, params)
}

/** Whether the arguments of a call are JSON. */
export const isWhole = (item: unknown): boolean => {
  const given = Json.text(item, "arguments") ?? ""
  return given.trim() === "" || Result.isSuccess(ExactJson.parse(given))
}

const other = (item: unknown, asked: Asked.Asked): Message.ProviderPart => ({
  type: "provider",
  provider: "openai",
  value: { origin: originOf(asked), item: withoutId(item) }
})

const originOf = ({ model, server }: Asked.Asked) => ({ server, model })

/** Nothing is stored on the server, so an id of it leads nowhere; it also refuses the nulls that it writes. */
const withoutId = (item: unknown): Json.JsonObject =>
  Object.fromEntries(Object.entries(Json.object(item) ?? {}).filter(([key, value]) => key !== "id" && value !== null))

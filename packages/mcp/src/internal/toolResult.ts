/**
 * The result of a tool as the model gets it: text, JSON or parts. Bytes become native parts where the model takes them, else a
 * line with their type and size; base64 is never text.
 */
import type * as Message from "@strata/core/chat/Message"
import * as Tool from "@strata/core/tool/Tool"
import * as Effect from "effect/Effect"
import * as Base64 from "effect/encoding/Base64"
import { isObject } from "effect/Predicate"
import * as Result from "effect/Result"
import type * as McpError from "../McpError.ts"
import * as Transport from "./transport.ts"

export interface Settings {
  readonly server: string
  readonly media: ReadonlySet<string>
}

/** Says what is wrong with a `structuredContent`; nothing if it is valid. */
export type Validate = (structured: unknown) => string | undefined

type Part = Message.ToolResultContent

/** What the handler of a tool returns for the result of `tools/call`. */
export const read = (
  result: unknown,
  tool: string,
  validate: Validate,
  settings: Settings
): Effect.Effect<unknown, McpError.McpError> => {
  const broken = (problem: string) =>
    Effect.fail(Transport.fail(settings.server, "protocol", "answered", `the result of "${tool}" ${problem}`, { tool }))
  if (!isObject(result)) return broken("is not an object")
  const { content, isError, structuredContent } = result
  const blocks: ReadonlyArray<unknown> | undefined = Array.isArray(content) ? content : undefined
  if (blocks === undefined && structuredContent === undefined) return broken("has no `content`")
  const parts = joined((blocks ?? []).flatMap((block) => partsOf(block, settings)))
  if (isError === true) {
    const words = parts.length > 0 || structuredContent === undefined ? parts : [json(structuredContent)]
    return Effect.succeed(Tool.content(words.length === 0 ? [text(failedSilently)] : words, { isFailure: true }))
  }
  if (structuredContent !== undefined) {
    const problem = validate(structuredContent)
    if (problem !== undefined) return broken(`does not fit its \`outputSchema\`: ${problem}`)
    // The texts say the same again.
    const others = parts.filter(({ type }) => type !== "text")
    return Effect.succeed(
      others.length === 0 ? structuredContent : Tool.content([json(structuredContent), ...others])
    )
  }
  const [first, ...others] = parts
  if (first === undefined) return Effect.succeed(succeededSilently)
  return Effect.succeed(first.type === "text" && others.length === 0 ? first.text : Tool.content(parts))
}

const partsOf = (block: unknown, settings: Settings): ReadonlyArray<Part> => {
  if (!isObject(block)) return []
  const { type } = block
  switch (type) {
    case "text":
      return typeof block["text"] === "string" && block["text"] !== "" ? textual(block["text"], settings) : []
    case "image":
    case "audio":
      return [mediumOf(block["data"], block["mimeType"], type, undefined, settings)]
    case "resource": {
      const { resource } = block
      if (!isObject(resource)) return []
      const { blob, mimeType, text: words, uri } = resource
      if (typeof words === "string") return textual(words, settings)
      return [mediumOf(blob, mimeType, "resource", typeof uri === "string" ? uri : undefined, settings)]
    }
    case "resource_link":
      return [text(linkOf(block))]
    default:
      return [
        text(`[content of ${typeof type === "string" ? `the type "${Transport.excerpt(type, 40)}"` : "no type"}]`)
      ]
  }
}

/** Text, with data URLs in it as what they are. */
const textual = (words: string, settings: Settings): ReadonlyArray<Part> => {
  const parts: Array<Part> = []
  let start = 0
  for (const match of words.matchAll(dataUrl)) {
    const [whole, mediaType = "", data] = match
    if (match.index > start) parts.push(text(words.slice(start, match.index)))
    parts.push(mediumOf(data, mediaType, "data", undefined, settings))
    start = match.index + whole.length
  }
  if (start < words.length) parts.push(text(words.slice(start)))
  return parts
}

/** Of more than a few characters: short ones are no burden, and may be meant as text. */
const dataUrl = /data:([a-z0-9.+-]{1,60}\/[a-z0-9.+-]{1,60})[^,\s]{0,200};base64,([A-Za-z0-9+/=_-]{256,})/gi

const mediumOf = (
  data: unknown,
  declared: unknown,
  kind: string,
  uri: string | undefined,
  { media }: Settings
): Part => {
  const mediaType = typeof declared === "string" ? mediaTypeOf(declared) : ""
  const bytes = typeof data === "string" ? Result.getOrUndefined(Base64.decode(data.replaceAll(/\s/g, ""))) : undefined
  const name = `${kind}${mediaType === "" ? "" : `, ${mediaType}`}${
    uri === undefined ? "" : `, ${Transport.excerpt(uri, 200)}`
  }`
  if (bytes === undefined || bytes.length === 0) return text(`[${name}: its data cannot be read]`)
  if (mediaType.startsWith("text/") || mediaType === "application/json") {
    return text(new TextDecoder().decode(bytes))
  }
  if (media.has(mediaType)) {
    const source = { bytes }
    if (mediaType.startsWith("image/")) return { type: "image", mediaType, source }
    if (mediaType.startsWith("video/")) return { type: "video", mediaType, source }
    if (!mediaType.startsWith("audio/")) return { type: "document", mediaType, name: documentName(uri), source }
  }
  return text(`[${name}, ${bytes.length} bytes: the model cannot see it]`)
}

const mediaTypeOf = (declared: string): string => {
  const type = Transport.excerpt(declared, 100).split(";", 1)[0]!.trim().toLowerCase()
  return type === "image/jpg" ? "image/jpeg" : type
}

/** Providers restrict the characters. */
const documentName = (uri = ""): string =>
  uri.slice(-200).split(/[?#]/, 1)[0]!.split("/").at(-1)!.replaceAll(/[^a-zA-Z0-9]+/g, " ").trim().slice(0, 60) ||
  "resource"

const linkOf = (block: Readonly<Record<string, unknown>>): string => {
  const [title, name, uri, description, mimeType] = ["title", "name", "uri", "description", "mimeType"]
    .map((key) => typeof block[key] === "string" ? Transport.excerpt(block[key], 2000) : undefined)
  const { size } = block
  const facts = [mimeType, typeof size === "number" ? `${size} bytes` : undefined].filter((fact) => fact !== undefined)
  return [
    `[resource ${title ?? name ?? ""}`.trimEnd(),
    ...(uri === undefined ? [] : [`: ${uri}`]),
    ...(facts.length === 0 ? [] : [` (${facts.join(", ")})`]),
    ...(description === undefined ? [] : [`: ${description}`]),
    "]"
  ].join("")
}

/** Texts next to each other are one. */
const joined = (parts: ReadonlyArray<Part>): ReadonlyArray<Part> =>
  parts.reduce<Array<Part>>((all, part) => {
    const last = all.at(-1)
    if (part.type === "text" && last?.type === "text") all[all.length - 1] = text(`${last.text}\n${part.text}`)
    else all.push(part)
    return all
  }, [])

const text = (words: string): Part => ({ type: "text", text: words })

const json = (value: unknown): Part => ({ type: "json", value })

const failedSilently = "The tool failed and said nothing"
const succeededSilently = "The tool ran and returned nothing"

/**
 * The content of messages and of tool results, as the Responses API takes it.
 */
import type * as Message from "@strata/core/chat/Message"
import * as Base64 from "effect/encoding/Base64"
import * as Result from "effect/Result"
import type { Media } from "../profile/Profile.ts"
import * as Adjustment from "./Adjustment.ts"
import * as Json from "./Json.ts"

/** A piece of the input. */
export type Content =
  | { readonly type: "input_text"; readonly text: string }
  | { readonly type: "input_image"; readonly detail: "auto"; readonly image_url: string }
  | { readonly type: "input_file"; readonly filename: string; readonly file_data: string }
  | { readonly type: "input_file"; readonly file_url: string }

/** What the API cannot take; `feature` where a model or another API may. */
export interface Unfit {
  readonly field: string
  readonly feature?: string | undefined
  readonly problem: string
  readonly remedy: string
}

/** What a server takes, and where to record what is left out. */
export interface Options {
  readonly media: ReadonlyArray<Media>
  readonly adjust: Adjustment.Adjust
}

/** A part of a user message or a tool result; `undefined` for one that is left out. */
export const encode = (
  part: Message.UserPart | Message.ToolResultContent,
  field: string,
  { adjust, media }: Options
): Result.Result<Content | undefined, Unfit> => {
  if (isMedia(part) && !media.includes(part.type)) {
    return Result.fail({
      field,
      feature: `${part.type}s`,
      problem: `the server takes no ${part.type}`,
      remedy: "Leave it out, or set `profile.media` if it does"
    })
  }
  if ("citations" in part && part.citations === true) {
    return Result.fail({
      field: `${field}.citations`,
      feature: "citations",
      problem: "the server cites nothing that it is given",
      remedy: "Leave `citations` out"
    })
  }
  switch (part.type) {
    case "text":
      return Result.succeed(text(part.text))
    case "json":
      return Result.succeed(text(write(part.value)))
    case "image":
      return Result.map(
        urlOf(part, `${field}.source`),
        (image_url) => ({ type: "input_image", detail: "auto", image_url })
      )
    case "document":
      return encodeDocument(part, field)
    case "search-result":
      return Result.succeed(text([`${part.title} (${part.source})`, ...part.content].join("\n")))
    case "provider":
      return Result.succeed(encodeOwn(part, field, adjust))
    case "audio":
    case "video":
      return Result.fail({
        field,
        feature: part.type === "audio" ? "recordings" : "videos",
        problem: `the Responses API takes no ${part.type}`,
        remedy: part.type === "audio"
          ? "Use the API \"chat-completions\" with a model that listens, or a transcript"
          : "Send images of it"
      })
  }
}

/** What has to be sent as a file: a document of text is text. */
const isMedia = (
  part: Message.UserPart | Message.ToolResultContent
): part is Message.ImagePart | Message.DocumentPart =>
  part.type === "image" || part.type === "document" && ("bytes" in part.source || "uri" in part.source)

const encodeDocument = (part: Message.DocumentPart, field: string): Result.Result<Content, Unfit> => {
  const { source } = part
  const about = part.context === undefined ? part.name : `${part.name}\n${part.context}`
  if ("text" in source) return Result.succeed(text(`${about}\n\n${source.text}`))
  if ("pieces" in source) return Result.succeed(text(`${about}\n\n${source.pieces.join("\n\n")}`))
  return Result.map(urlOf({ ...part, source }, `${field}.source`), (url) =>
    url.startsWith("data:")
      ? { type: "input_file", filename: fileName(part), file_data: url }
      : { type: "input_file", file_url: url })
}

/** The API tells the kind of a file by the ending of its name, too. */
const fileName = ({ mediaType, name }: Message.DocumentPart): string =>
  mediaType === "application/pdf" && !/\.pdf$/i.test(name) ? `${name}.pdf` : name

/** A block in the API's own format is sent as it is. */
const encodeOwn = (
  { provider, value }: Message.ProviderPart,
  field: string,
  adjust: Adjustment.Adjust
): Content | undefined => {
  if (provider === "openai" && Json.text(value, "type") !== undefined) {
    // Its type is that of the program, which names the provider.
    return value as Content
  }
  adjust(Adjustment.foreignPart, field)
  return undefined
}

/** Bytes as a data URL. Other services than Bedrock cannot read S3. */
const urlOf = (
  { mediaType, source }: { readonly mediaType: string; readonly source: Message.MediaSource },
  field: string
): Result.Result<string, Unfit> =>
  "bytes" in source
    ? Result.succeed(`data:${mediaType};base64,${Base64.encode(source.bytes)}`)
    : /^(?:https?|data):/i.test(source.uri)
    ? Result.succeed(source.uri)
    : Result.fail({
      field: `${field}.uri`,
      problem: "the service cannot read this address",
      remedy: "Use `https://…`, or give the bytes"
    })

/** A piece of text. */
export const text = (value: string): Content => ({ type: "input_text", text: value })

/** JSON as text; what has no JSON is no text. */
export const write = (value: unknown): string =>
  Result.getOrElse(Result.try(() => JSON.stringify(value) ?? ""), () => "")

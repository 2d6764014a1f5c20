/** Parts of messages of users and of results of tools, as OpenAI's format has them. */
import type * as Message from "@strata/core/chat/Message"
import type * as ProviderError from "@strata/core/ProviderError"
import * as Result from "effect/Result"
import * as Struct from "effect/Struct"
import * as Wire from "../../completions/Wire.ts"
import type { Media, Profile } from "../../profile/Profile.ts"
import * as Problem from "./Problem.ts"

type Encoded = typeof Wire.UserPart.Type

/** What encoding needs to know. */
export interface Context extends Problem.Who {
  readonly profile: Profile
  readonly report: Problem.Report
}

type Written = Result.Result<Encoded, ProviderError.UnsupportedFeatureError>

/** One part of a message of the user. */
export const encode = (
  context: Context,
  part: Exclude<Message.UserPart, Message.ProviderPart>,
  field: string
): Written => {
  switch (part.type) {
    case "text":
      if (part.guard !== undefined && part.guard !== false) {
        context.report.add("omitted", `${field}.guard`, "There is no guardrail to mark content for.")
      }
      return Result.succeed({ type: "text", text: part.text })
    case "search-result":
      return part.citations === true
        ? cited(context, field)
        : text([part.title, part.source, ...part.content].join("\n"))
    case "document":
      return document(context, part, field)
    case "audio":
      return allowed(context, "audio", field) ?? audio(context, part, field)
    case "image":
      return allowed(context, "image", field) ?? Result.map(
        source(context, part, field),
        (url): Encoded => ({ type: "image_url", image_url: { url } })
      )
    case "video":
      return allowed(context, "video", field) ?? Result.map(
        source(context, part, field),
        (url): Encoded => ({ type: "video_url", video_url: { url } })
      )
  }
}

const text = (text: string): Written => Result.succeed({ type: "text", text })

const cited = (context: Context, field: string): Written =>
  Result.fail(Problem.unsupported(context, `${field}.citations`, "citations", "Leave `citations` out"))

/** The failure for a kind of media that the server does not take. */
const allowed = (context: Context, media: Media, field: string): Written | undefined =>
  context.profile.media.includes(media) ? undefined : Result.fail(
    Problem.unsupported(
      context,
      field,
      media,
      `Leave it out, or allow it with \`profile: { media: [..., "${media}"] }\``
    )
  )

const document = (context: Context, part: Message.DocumentPart, field: string): Written => {
  if (part.citations === true) return cited(context, field)
  const { context: about, mediaType, name, source } = part
  const written = (content: string) => text([name, ...(about === undefined ? [] : [about]), content].join("\n\n"))
  if ("text" in source) return written(source.text)
  if ("pieces" in source) return written(source.pieces.join("\n"))
  if ("uri" in source) {
    return Result.fail(
      Problem.unsupported(context, `${field}.source.uri`, "document by its address", "Load it, and give its `bytes`")
    )
  }
  // Text needs no reader of documents, which many models do not have.
  if (/^text\/|^application\/(json|xml)$/.test(mediaType)) return written(new TextDecoder().decode(source.bytes))
  if (about !== undefined) {
    context.report.add("omitted", `${field}.context`, "The format has no place for the context of a document.")
  }
  return allowed(context, "document", field) ??
    Result.succeed({ type: "file", file: { filename: name, file_data: { mediaType, bytes: source.bytes } } })
}

/** The formats, by media type; several names of one type are those of the first. */
const formats: ReadonlyMap<string, keyof typeof Wire.audioTypes> = new Map([
  ...Struct.keys(Wire.audioTypes).toReversed().map((format) => [Wire.audioTypes[format] as string, format] as const),
  ["audio/x-wav", "wav"],
  ["audio/wave", "wav"],
  ["audio/mp3", "mp3"],
  ["audio/m4a", "m4a"]
])

const audio = (context: Context, part: Message.AudioPart, field: string): Written => {
  const format = formats.get(part.mediaType.toLowerCase().split(";", 1)[0]!)
  if (format === undefined) {
    const types = [...new Set(formats.keys())].join(", ")
    return Result.fail(Problem.unsupported(context, `${field}.mediaType`, part.mediaType, `Use one of ${types}`))
  }
  return "uri" in part.source
    ? Result.fail(
      Problem.unsupported(context, `${field}.source.uri`, "recording by its address", "Load it, and give its `bytes`")
    )
    : Result.succeed({ type: "input_audio", input_audio: { data: part.source.bytes, format } })
}

const source = (
  context: Context,
  { mediaType, source }: Message.ImagePart | Message.VideoPart,
  field: string
): Result.Result<
  { readonly uri: string } | { readonly mediaType: string; readonly bytes: Uint8Array },
  ProviderError.UnsupportedFeatureError
> => {
  if ("bytes" in source) return Result.succeed({ mediaType: mediaType.replaceAll(",", ""), bytes: source.bytes })
  return /^(https?|data):/i.test(source.uri) ? Result.succeed({ uri: source.uri }) : Result.fail(
    Problem.unsupported(context, `${field}.source.uri`, "such address", "Load it, and give its `bytes`")
  )
}

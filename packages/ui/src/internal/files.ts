/** Files of a page: data URLs, decoded once, as parts of a message by their media type. */
import type * as Message from "@strata/core/chat/Message"
import * as Check from "@strata/core/Check"
import * as Base64 from "effect/encoding/Base64"
import * as Result from "effect/Result"
import type * as UiMessage from "../UiMessage.ts"

/** The options of `UiHistory.toMessages`, settled. */
export interface Settings {
  readonly accept: ReadonlyArray<string>
  readonly allowUrl: (url: string) => boolean
  readonly system: "refuse" | "keep"
}

export const accepted: ReadonlyArray<string> = [
  "image/png",
  "image/jpeg",
  "image/gif",
  "image/webp",
  "application/pdf",
  "text/plain",
  "text/markdown",
  "text/csv",
  "text/html",
  "application/msword",
  "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
  "application/vnd.ms-excel",
  "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
]

export type Media = Message.ImagePart | Message.AudioPart | Message.VideoPart | Message.DocumentPart

/** A file of the user. `ordinal`: its place among the documents, for one without a name. */
export const read = (
  part: UiMessage.FilePart,
  settings: Settings,
  ordinal: number,
  at: Check.Cursor
): Media | Check.Refused => {
  const declared = plainType(part.mediaType)
  const data = dataOf(part.url)
  const found = data?.mediaType
  // The first half of a type alone is what a page knows of a file before it looks.
  const isVague = declared === "" || !declared.includes("/") || declared.endsWith("/*")
  if (data !== undefined && found !== undefined && !fits(declared, found)) {
    at.path.push("url")
    return Check.refuse(
      at,
      `the data URL is of the type ${quote(found)}, the part of ${quote(declared)}`,
      "Give the file the type that it has"
    )
  }
  const mediaType = isVague ? found ?? declared : declared
  if (!settings.accept.some((pattern) => matches(pattern, mediaType))) {
    at.path.push("mediaType")
    return Check.refuse(
      at,
      `files of the type ${quote(mediaType)} are not accepted`,
      `Use ${settings.accept.slice(0, 8).join(", ")}${settings.accept.length > 8 ? " and the like" : ""}`
    )
  }
  if (data === undefined) {
    if (Check.holds(() => settings.allowUrl(part.url), undefined)) {
      return ofType(mediaType, { uri: part.url }, part, ordinal)
    }
    at.path.push("url")
    return Check.refuse(at, "it is not a data URL", "Send the file as a data URL")
  }
  if (data.bytes === undefined) {
    at.path.push("url")
    return Check.refuse(at, "the data URL cannot be decoded", "Encode the file as base64")
  }
  return ofType(mediaType, { bytes: data.bytes }, part, ordinal)
}

/** A file of the model: an image or a recording, which is sent back; `undefined` for anything else. */
export const ofAssistant = (part: UiMessage.FilePart): Message.ImagePart | Message.AudioPart | undefined => {
  const data = dataOf(part.url)
  const mediaType = plainType(part.mediaType)
  const source = data === undefined ? undefined : data.bytes && { bytes: data.bytes }
  if (source === undefined) return undefined
  if (mediaType.startsWith("image/")) return { type: "image", mediaType, source }
  return mediaType.startsWith("audio/") ? { type: "audio", mediaType, source } : undefined
}

const ofType = (
  mediaType: string,
  source: Message.MediaSource,
  { filename }: UiMessage.FilePart,
  ordinal: number
): Media => {
  switch (mediaType.split("/", 1)[0]) {
    case "image":
      return { type: "image", mediaType, source }
    case "audio":
      return { type: "audio", mediaType, source }
    case "video":
      return { type: "video", mediaType, source }
    default:
      return { type: "document", mediaType, name: filename?.trim() || `document-${ordinal}`, source }
  }
}

/** Of a media type, and of nothing else: problems hold no text of users. */
const quote = (mediaType: string): string =>
  /^[\w.+/*-]{1,80}$/.test(mediaType) ? `"${mediaType}"` : "an unreadable one"

const plainType = (mediaType: string): string => mediaType.split(";", 1).join("").trim().toLowerCase()

const matches = (pattern: string, mediaType: string): boolean =>
  pattern === "*/*" || pattern === mediaType ||
  pattern.endsWith("/*") && mediaType.startsWith(pattern.slice(0, -1)) && mediaType.length > pattern.length - 1

const fits = (declared: string, found: string): boolean =>
  declared === "" || declared === found ||
  declared.split("/", 1)[0] === found.split("/", 1)[0] && (!declared.includes("/") || declared.endsWith("/*"))

/** The bytes of a data URL, if they can be decoded, and its type, if it says one; `undefined` for another URL. */
const dataOf = (url: string): { readonly mediaType?: string; readonly bytes?: Uint8Array } | undefined => {
  if (!/^data:/i.test(url)) return undefined
  const comma = url.indexOf(",")
  const head = comma < 0 ? "" : url.slice("data:".length, comma)
  const mediaType = plainType(head)
  const bytes = comma < 0 ? undefined : /;\s*base64\s*$/i.test(head)
    ? Result.getOrUndefined(Base64.decode(padded(url.slice(comma + 1))))
    : Result.getOrUndefined(Result.try(() => new TextEncoder().encode(decodeURIComponent(url.slice(comma + 1)))))
  return { ...(mediaType !== "" && { mediaType }), ...(bytes && { bytes }) }
}

const padded = (base64: string): string => {
  const bare = base64.replace(/\s+|=+$/g, "")
  return bare + "=".repeat((4 - bare.length % 4) % 4)
}

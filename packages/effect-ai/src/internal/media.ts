/** Files of `effect/ai` as images, videos, recordings and documents, and back. */
import type * as Message from "@strata/core/chat/Message"
import * as Base64 from "effect/encoding/Base64"
import * as Result from "effect/Result"

/** What of ours a file is, by its media type. */
export const kindOf = (mediaType: string): "image" | "video" | "audio" | "document" => {
  const [type] = mediaType.toLowerCase().split("/", 1)
  return type === "image" || type === "video" || type === "audio" ? type : "document"
}

/** The content of a file: bytes, base64, a `data:` URL, or a URL. */
export const sourceOf = (data: string | Uint8Array | URL): Result.Result<Message.MediaSource, string> => {
  if (data instanceof Uint8Array) return Result.succeed({ bytes: data })
  const text = data instanceof URL ? data.href : data
  const inline = /^data:[^,]*?(;base64)?,/i.exec(text)
  if (inline === null && /^[a-z][a-z0-9+.-]*:\/\//i.test(text)) return Result.succeed({ uri: text })
  const content = inline === null ? text : text.slice(inline[0].length)
  if (inline !== null && inline[1] === undefined) {
    return Result.mapBoth(Result.try(() => decodeURIComponent(content)), {
      onFailure: () => "the `data:` URL is not valid",
      onSuccess: (text) => ({ bytes: new TextEncoder().encode(text) })
    })
  }
  return Result.mapBoth(Base64.decode(content), {
    onFailure: () => "the text is neither base64 nor a URL",
    onSuccess: (bytes) => ({ bytes })
  })
}

/** The `data` of a file, and what of the source it cannot hold. */
export const dataOf = (source: Message.DocumentSource): {
  readonly data: string | Uint8Array | URL
  readonly rest?: { readonly source: Message.DocumentSource }
} => {
  if ("bytes" in source) return { data: source.bytes }
  if ("text" in source) return { data: new TextEncoder().encode(source.text), rest: { source } }
  if ("pieces" in source) return { data: new TextEncoder().encode(source.pieces.join("\n")), rest: { source } }
  const url = Result.getOrUndefined(Result.try(() => new URL(source.uri)))
  return url === undefined || source.bucketOwner !== undefined || url.href !== source.uri
    ? { data: url ?? source.uri, rest: { source } }
    : { data: url }
}

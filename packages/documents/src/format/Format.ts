/**
 * The format of a source: by its media type, else by the extension of its name, else by its first bytes.
 */
import * as Result from "effect/Result"
import type * as Document from "../Document.ts"
import * as DocumentError from "../DocumentError.ts"

/** `charset`: the encoding of the text, where the media type names it. */
export interface Found {
  readonly format: Document.Format
  readonly charset?: string | undefined
}

export const find = (source: {
  readonly name: string
  readonly bytes: Uint8Array
  readonly mediaType?: string | undefined
}): Result.Result<Found, DocumentError.UnsupportedFormatError> => {
  const [mediaType = "", ...parameters] = (source.mediaType ?? "").toLowerCase().split(";").map((part) => part.trim())
  const charset = parameters.find((parameter) => parameter.startsWith("charset="))
    ?.slice("charset=".length).replaceAll("\"", "")
  const saysNothing = mediaType === "" || mediaType === "application/octet-stream"
  const format = saysNothing
    ? byExtension.get(/\.([^./\\]+)$/.exec(source.name)?.[1]?.toLowerCase() ?? "") ?? byContent(source.bytes)
    : byMediaType.get(mediaType) ?? (isText.test(mediaType) ? "text" : undefined)
  return format !== undefined ? Result.succeed({ format, charset }) : Result.fail(
    new DocumentError.UnsupportedFormatError({
      document: source.name,
      mediaType: saysNothing ? undefined : mediaType,
      message: `${source.name} is ${saysNothing ? "binary" : mediaType}, which cannot be read here. ` +
        "Convert it to Markdown, HTML, PDF or text"
    })
  )
}

const byMediaType = new Map<string, Document.Format>([
  ["text/markdown", "markdown"],
  ["text/x-markdown", "markdown"],
  ["text/html", "html"],
  ["application/xhtml+xml", "html"],
  ["application/pdf", "pdf"],
  ["application/x-pdf", "pdf"]
])

const isText = /^(text\/.+|application\/(.+\+)?(json|xml|yaml|toml|javascript|sql|x-sh|x-yaml|x-ndjson))$/

const byExtension = new Map<string, Document.Format>([
  ["md", "markdown"],
  ["mdx", "markdown"],
  ["markdown", "markdown"],
  ["htm", "html"],
  ["html", "html"],
  ["xhtml", "html"],
  ["pdf", "pdf"],
  ["txt", "text"],
  ["text", "text"],
  ["log", "text"],
  ["csv", "text"]
])

/** `undefined` for binary content: no text but UTF-16 has zeros, and that begins with a byte order mark. */
const byContent = (bytes: Uint8Array): Document.Format | undefined => {
  const head = bytes.subarray(0, 1024)
  // Every byte is one character there.
  const beginning = new TextDecoder("latin1").decode(head)
  if (beginning.includes("%PDF-")) return "pdf"
  const hasMark = head[0] === 0xff && head[1] === 0xfe || head[0] === 0xfe && head[1] === 0xff
  if (!hasMark && bytes.subarray(0, 8192).includes(0)) return undefined
  return /^[\s\u00bb\u00bf\u00ef]*(<!doctype\s+html|<html[\s>])/i.test(beginning) ? "html" : "text"
}

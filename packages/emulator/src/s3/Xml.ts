/**
 * The XML of S3: written from plain data, and read for the two requests that send any.
 */
import * as Predicate from "effect/Predicate"

/** A text, a number, a flag, members in order, or a list, which repeats its element. `undefined` is omitted. */
export type Node =
  | string
  | number
  | boolean
  | undefined
  | ReadonlyArray<Node>
  | { readonly [name: string]: Node }

/** A document in UTF-8; `root` is in the namespace of S3, except for errors, as in the service. */
export const document = (root: string, content: Node): Uint8Array =>
  encoder.encode(
    `<?xml version="1.0" encoding="UTF-8"?>\n<${root}${root === "Error" ? "" : ` xmlns="${namespace}"`}>${
      members(content)
    }</${root}>`
  )

const namespace = "http://s3.amazonaws.com/doc/2006-03-01/"

const members = (node: Node): string =>
  isMembers(node) ? Object.entries(node).map(([name, value]) => element(name, value)).join("") : escape(node)

const isMembers = (node: Node): node is { readonly [name: string]: Node } => Predicate.isObject(node)

const element = (name: string, node: Node): string => {
  if (node === undefined) return ""
  return Array.isArray(node)
    ? node.map((item) => element(name, item)).join("")
    : `<${name}>${members(node)}</${name}>`
}

/** Characters that XML 1.0 does not have are written as references, as the service does. */
const escape = (node: Node): string =>
  // oxlint-disable-next-line no-control-regex -- keys may have them
  String(node).replace(/[&<>"\x00-\x1f\ufffe\uffff]/g, (character) => named[character] ?? reference(character))

const named: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", "\"": "&quot;" }

const reference = (character: string): string => `&#x${character.charCodeAt(0).toString(16)};`

/**
 * The texts of the leaves below each `item` of a document, such as the parts of `CompleteMultipartUpload`; `undefined`
 * when it is not a document with that root. Attributes, comments and other elements are skipped.
 */
export const items = (
  bytes: Uint8Array,
  root: string,
  item: string
): ReadonlyArray<Readonly<Record<string, string>>> | undefined => {
  const found: Array<Record<string, string>> = []
  const open: Array<string> = []
  const text = new TextDecoder().decode(bytes)
  let leaf = ""
  let complete = false
  for (const [token, closing, name = "", selfClosing] of text.matchAll(tokens)) {
    if (name === "") {
      leaf += token.startsWith("<") ? "" : token
      continue
    }
    if (complete) return undefined
    if (closing === "") {
      if (open.length === 0 && name !== root) return undefined
      if (open.length >= maxDepth) return undefined
      if (open.length === 1 && name === item) found.push({})
      leaf = ""
      if (selfClosing === "/") continue
      open.push(name)
    } else {
      if (open.pop() !== name) return undefined
      const last = found.at(-1)
      if (open.length === 2 && open[1] === item && last !== undefined) last[name] = unescape(leaf)
      leaf = ""
      complete = open.length === 0
    }
  }
  return complete ? found : undefined
}

/** Deeper than any request of S3. */
const maxDepth = 8

/** A comment or a declaration, a tag, or a text. */
const tokens = /<(?:!--[^]*?--|[?!][^>]*)>|<(\/?)(?:[\w.-]+:)?([\w.-]+)[^<>]*?(\/?)>|[^<]+/g

const unescape = (text: string): string =>
  text.replace(/&(?:#x([0-9a-f]{1,6})|#(\d{1,7})|(amp|lt|gt|quot|apos));/gi, (whole, hex, decimal, name) => {
    if (typeof name === "string") return entities[name.toLowerCase()] ?? whole
    const code = typeof hex === "string" ? parseInt(hex, 16) : Number(decimal)
    return code <= 0x10ffff ? String.fromCodePoint(code) : whole
  })

const entities: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: "\"", apos: "'" }

const encoder = new TextEncoder()

/**
 * Redacts error texts: the credentials in force and the content of the request, wherever a service or a proxy echoes
 * them, in any quoting.
 *
 * Known values are found verbatim and behind JSON, HTML, percent and Python escapes; parts of a value count too.
 * Secrets of unknown value are recognised by their names and patterns.
 */
import * as Base64 from "effect/encoding/Base64"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"

/**
 * Values that must not appear in an error.
 *
 * - `secrets`: keys, tokens and the like.
 * - `request`: the request. Its texts are confidential; ids, names and formats are not.
 */
export interface Confidential {
  readonly secrets?: ReadonlyArray<string> | undefined
  readonly request?: unknown
}

/** The text with each confidential passage replaced by `[redacted]`. At most 4,000 characters of it are kept. */
export const redact = (text: string, { request, secrets = [] }: Confidential = {}): string => {
  const read = text.slice(0, 4 * longest)
  const passages: ReadonlyArray<Passage> = [
    ...secrets.map((value): Passage => ({ value, shared: 12, whole: 6 })),
    ...textsOf(request).map((value): Passage => ({ value, shared: 20, whole: 8 }))
  ]
  const clean = redactPatterns(passages.length === 0 ? read : redactPassages(read, passages))
  return clean.length > longest ? `${clean.slice(0, longest)}…` : clean
}

const longest = 4000

const replacement = "[redacted]"

/**
 * `shared`: the number of common characters that make a quotation; `whole`: the minimum length of a value to redact
 * when it is quoted whole.
 */
interface Passage {
  readonly value: string
  readonly shared: number
  readonly whole: number
}

const redactPassages = (text: string, passages: ReadonlyArray<Passage>): string => {
  const plain = redactBase64(text, passages)
  const asIs = replaceSpans(plain, spansOf(plain, passages))
  const unescaped = unescape(plain)
  if (unescaped === plain) return asIs
  const spans = spansOf(unescaped, passages)
  return spans.length === 0 ? asIs : replaceSpans(unescaped, spans)
}

type Span = readonly [start: number, end: number]

const gramLength = 6

/**
 * Where the text quotes one of the values. Each common passage holds an n-gram of the value at a multiple of its
 * length.
 */
const spansOf = (text: string, passages: ReadonlyArray<Passage>): ReadonlyArray<Span> => {
  const grams = new Map<string, Array<number>>()
  for (let at = 0; at + gramLength <= text.length; at++) {
    const gram = text.slice(at, at + gramLength)
    const places = grams.get(gram)
    if (places === undefined) grams.set(gram, [at])
    // Repeated grams are recorded at their first places only, and extended from there.
    else if (places.length < 16) places.push(at)
  }
  const spans: Array<Span> = []
  const covered = new Uint8Array(text.length)
  for (const { shared, value, whole } of passages) {
    const least = Math.max(whole, Math.min(shared, value.length))
    if (value.length < least) {
      spans.push(...quoted(text, value))
      continue
    }
    for (let at = 0; at + gramLength <= value.length; at += gramLength) {
      for (const place of grams.get(value.slice(at, at + gramLength)) ?? []) {
        if (covered[place] === 1) continue
        const span = extend(text, place, value, at)
        if (span[1] - span[0] < least) continue
        spans.push(span)
        covered.fill(1, ...span)
      }
    }
  }
  return spans
}

const extend = (text: string, place: number, value: string, at: number): Span => {
  let before = 0
  while (before < place && before < at && text[place - before - 1] === value[at - before - 1]) before++
  let after = gramLength
  while (place + after < text.length && at + after < value.length && text[place + after] === value[at + after]) after++
  return [place - before, place + after]
}

/** A short value is a quotation where it is enclosed in quotation marks. */
const quoted = (text: string, value: string): ReadonlyArray<Span> => {
  const spans: Array<Span> = []
  for (let at = text.indexOf(value); value !== "" && at >= 0; at = text.indexOf(value, at + value.length)) {
    const end = at + value.length
    if (/["'`]/.test(text[at - 1] ?? "") && text[at - 1] === text[end]) spans.push([at, end])
  }
  return spans
}

const replaceSpans = (text: string, spans: ReadonlyArray<Span>): string => {
  let replaced = ""
  let done = 0
  for (const [start, end] of [...spans].sort(([a], [b]) => a - b)) {
    if (end <= done) continue
    replaced += start < done ? "" : text.slice(done, start) + replacement
    done = end
  }
  return replaced + text.slice(done)
}

/** Some answers hold bodies in Base64. */
const redactBase64 = (text: string, passages: ReadonlyArray<Passage>): string =>
  text.replace(/[A-Za-z0-9+/_-]{24,}={0,2}/g, (run) => {
    const decoded = Result.getOrElse(Base64.decodeString(run.replaceAll("-", "+").replaceAll("_", "/")), () => "")
    return decoded !== "" && spansOf(decoded, passages).length > 0 ? replacement : run
  })

/** The text without escapes. Nested echoes are escaped several times. */
const unescape = (text: string): string => {
  let plain = text
  for (let round = 0; round < 4; round++) {
    const next = unescapePercent(unescapeHtml(unescapeBackslash(plain)))
    if (next === plain) return plain
    plain = next
  }
  return plain
}

const unescapeBackslash = (text: string): string =>
  text.replace(
    /\\(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|([nrtbf"'\\/]))/g,
    (_, unicode: string | undefined, byte: string | undefined, letter: string) => {
      const code = unicode ?? byte
      return code === undefined ? controls.get(letter) ?? letter : String.fromCharCode(Number.parseInt(code, 16))
    }
  )

const controls: ReadonlyMap<string, string> = new Map([
  ["n", "\n"],
  ["r", "\r"],
  ["t", "\t"],
  ["b", "\b"],
  ["f", "\f"]
])

const unescapeHtml = (text: string): string =>
  text.replace(/&(?:#x([0-9a-fA-F]{1,6})|#([0-9]{1,7})|([a-z]{2,6}));/g, (entity, hex, decimal, name) => {
    const code = hex === undefined ? Number(decimal) : Number.parseInt(hex, 16)
    if (name !== undefined) return entities.get(name) ?? entity
    return code <= 0x10ffff ? String.fromCodePoint(code) : entity
  })

const entities: ReadonlyMap<string, string> = new Map([
  ["quot", "\""],
  ["apos", "'"],
  ["amp", "&"],
  ["lt", "<"],
  ["gt", ">"],
  ["nbsp", "\u00a0"]
])

const unescapePercent = (text: string): string =>
  text.replace(/(?:%[0-9a-fA-F]{2})+/g, (run) => Result.getOrElse(Result.try(() => decodeURIComponent(run)), () => run))

/** Bounds the work for a request with very many texts. */
const mostTexts = 50_000

const textsOf = (request: unknown): ReadonlyArray<string> => {
  const texts: Array<string> = []
  const visit = (value: unknown, depth: number): void => {
    if (depth > 64 || texts.length >= mostTexts) return
    if (Predicate.isString(value)) texts.push(value)
    else if (Array.isArray(value)) { for (const item of value) visit(item, depth + 1) }
    else if (Predicate.isObject(value) && !ArrayBuffer.isView(value)) {
      for (const [key, item] of Object.entries(value)) {
        if (key === "body") visitBody(item, depth)
        else if (!publicFields.has(key)) visit(item, depth + 1)
      }
    }
  }
  const visitBody = (body: unknown, depth: number): void => {
    const text = body instanceof Uint8Array ? new TextDecoder().decode(body) : body
    if (!Predicate.isString(text)) return
    visit(Result.getOrElse(Result.try((): unknown => JSON.parse(text)), () => text), depth + 1)
  }
  // A getter or a proxy in user data must not turn a failure into a defect.
  Result.try(() => visit(request, 0))
  return texts
}

/** Fields a service may quote when it refuses a request: none of them is a prompt. */
const publicFields: ReadonlySet<string> = new Set([
  "accept",
  "additionalModelRequestFields",
  "anthropic_version",
  "bucketOwner",
  "contentType",
  "embeddingPurpose",
  "format",
  "guardrailConfig",
  "guardrailIdentifier",
  "guardrailVersion",
  "id",
  "inputSchema",
  "input_schema",
  "input_type",
  "mediaType",
  "media_type",
  "model",
  "modelId",
  "name",
  "outputConfig",
  "performanceConfig",
  "requestMetadata",
  "role",
  "serviceTier",
  "status",
  "taskType",
  "toolUseId",
  "trace",
  "truncate",
  "ttl",
  "type"
])

/** A name, with any quoting and separator, then its value, which is long and contains a digit. */
const named = (names: string): RegExp =>
  new RegExp(`(\\b(?:${names})["'\\\\]*\\s*[=:]\\s*["'\\\\]*)(?=[^\\s"',;&\\\\]*\\d)[A-Za-z0-9+/=_%.~-]{12,}`, "gi")

const redactPatterns = (text: string): string =>
  patterns.reduce((clean, pattern) => clean.replace(pattern, `$1${replacement}`), text)

const patterns: ReadonlyArray<RegExp> = [
  named(
    "credential|signature|x-amz-security-token|x-amz-signature|(?:aws_?)?session_?token|security_?token|" +
      "(?:aws_?)?secret_?access_?key|(?:aws_?)?access_?key_?id|api[_-]?key|aws_bearer_token_bedrock|client_?secret"
  ),
  /(\b(?:aws_?)?secret_?access_?key["'\\]*\s*[=:]\s*["'\\]*)(?!\[redacted\])[^\s"',;&\\]{8,}/gi,
  /(\bpassword["'\\]*\s*[=:]\s*["'\\]*)[^\s"',;&\\]+/gi,
  /(\bbearer\s+)(?!token|auth|\[redacted\])[^\s'",;\\]{8,}/gi,
  /(\bbasic\s+)[A-Za-z0-9+/]{12,}={0,2}/gi,
  /(\b[a-z][a-z0-9+.-]*:\/\/)[^\s/@"']+(?=@)/gi,
  /()\b(?:AKIA|ASIA)[A-Z0-9]{12,}\b/g,
  /()\bABSK[A-Za-z0-9+/=]{16,}/g,
  /()\bbedrock-api-key-[A-Za-z0-9+/=_-]+/g
]

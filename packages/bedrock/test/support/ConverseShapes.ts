/**
 * What the service model of Bedrock Runtime says of a Converse request: required fields, lengths, ranges, patterns,
 * enumerations. A shape gives what is wrong with a value, and where.
 */

/** Checks a value; `path` is where it stands. */
export type Shape = (value: unknown, path: string) => ReadonlyArray<string>

interface Length {
  readonly min?: number
  readonly max?: number
}

const outside = ({ max = Infinity, min = 0 }: Length, length: number) => length < min || length > max

const text = ({ pattern, ...length }: Length & { readonly pattern?: RegExp } = {}): Shape => (value, path) =>
  typeof value !== "string"
    ? [`${path}: no string`]
    : outside(length, value.length) || pattern?.test(value) === false
    ? [`${path}: ${JSON.stringify(value)}`]
    : []

const oneOf = (...values: ReadonlyArray<string>): Shape => (value, path) =>
  values.includes(value as string) ? [] : [`${path}: ${value} is none of ${values}`]

const number = (min: number, max: number, integer: boolean): Shape => (value, path) =>
  typeof value === "number" && value >= min && value <= max && (!integer || Number.isInteger(value))
    ? []
    : [`${path}: ${value}`]

const boolean: Shape = (value, path) => typeof value === "boolean" ? [] : [`${path}: no boolean`]

const blob = (length: Length = {}): Shape => (value, path) =>
  value instanceof Uint8Array && !outside(length, value.length) ? [] : [`${path}: no bytes, or none at all`]

const json: Shape = (value, path) => {
  try {
    return JSON.stringify(value) === undefined ? [`${path}: no JSON`] : []
  } catch {
    return [`${path}: no JSON`]
  }
}

const list = (member: Shape, length: Length = {}): Shape => (value, path) =>
  !Array.isArray(value) || outside(length, value.length)
    ? [`${path}: no list, or of the wrong length`]
    : value.flatMap((item, index) => member(item, `${path}[${index}]`))

const map = (key: Shape, member: Shape, length: Length = {}): Shape => (value, path) => {
  if (typeof value !== "object" || value === null) return [`${path}: no map`]
  const entries = Object.entries(value)
  return outside(length, entries.length)
    ? [`${path}: ${entries.length} entries`]
    : entries.flatMap(([name, item]) => [...key(name, `${path} key`), ...member(item, `${path}.${name}`)])
}

/** Fields whose name begins with `!` are required; a field that is not listed would not be sent. */
const struct = (fields: Record<string, Shape>, exactly?: 1): Shape => (value, path) => {
  if (typeof value !== "object" || value === null) return [`${path}: no structure`]
  const shapes = new Map(Object.entries(fields).map(([name, shape]) => [name.replace("!", ""), shape]))
  const given = Object.entries(value).filter(([, item]) => item !== undefined)
  return [
    ...(exactly !== undefined && given.length !== exactly ? [`${path}: ${given.length} members of a union`] : []),
    ...Object.keys(fields)
      .filter((name) => name.startsWith("!") && !given.some(([known]) => `!${known}` === name))
      .map((name) => `${path}.${name.slice(1)}: missing`),
    ...given.flatMap(([name, item]) => shapes.get(name)?.(item, `${path}.${name}`) ?? [`${path}.${name}: unknown`])
  ]
}

const union = (fields: Record<string, Shape>): Shape => struct(fields, 1)

const any = text()
const filled = text({ min: 1 })
const toolName = text({ pattern: /^[a-zA-Z0-9_-]{1,64}$/ })
const callId = text({ pattern: /^[a-zA-Z0-9_.:-]{1,64}$/ })
const position = number(0, Infinity, true)
const citable = struct({ "!enabled": boolean })

const s3Location = struct({
  "!uri": text({ max: 1024, pattern: /^s3:\/\/[a-z0-9][.\-a-z0-9]{1,61}[a-z0-9](\/[^]*)?$/ }),
  bucketOwner: text({ pattern: /^[0-9]{12}$/ })
})

const source = union({ bytes: blob({ min: 1 }), s3Location })

const image = struct({ "!format": oneOf("png", "jpeg", "gif", "webp"), "!source": source })

const document = struct({
  format: oneOf("pdf", "csv", "doc", "docx", "xls", "xlsx", "html", "txt", "md"),
  // the characters are from the documentation of the field; the underscore was recorded
  "!name": text({ min: 1, max: 200, pattern: /^(?!.* {2})[a-zA-Z0-9_ \-()[\]]+$/ }),
  "!source": union({ bytes: blob({ min: 1 }), s3Location, text: any, content: list(union({ text: any })) }),
  context: any,
  citations: citable
})

const video = struct({
  "!format": oneOf("mkv", "mov", "mp4", "webm", "flv", "mpeg", "mpg", "wmv", "three_gp"),
  "!source": source
})

const audio = struct({
  "!format": oneOf(
    "mp3",
    "opus",
    "wav",
    "aac",
    "flac",
    "mp4",
    "ogg",
    "mkv",
    "mka",
    "x-aac",
    "m4a",
    "mpeg",
    "mpga",
    "pcm",
    "webm"
  ),
  "!source": source
})

const searchResult = struct({
  "!source": any,
  "!title": any,
  "!content": list(struct({ "!text": any })),
  citations: citable
})

const cachePoint = struct({ "!type": oneOf("default"), ttl: oneOf("5m", "1h") })

const guardContent = union({
  text: struct({ "!text": any, qualifiers: list(oneOf("grounding_source", "query", "guard_content")) }),
  image: struct({ "!format": oneOf("png", "jpeg"), "!source": union({ bytes: blob({ min: 1 }) }) })
})

const inDocument = struct({ documentIndex: position, start: position, end: position })

const citation = struct({
  title: any,
  source: any,
  sourceContent: list(union({ text: any })),
  location: union({
    web: struct({ url: any, domain: any }),
    documentChar: inDocument,
    documentPage: inDocument,
    documentChunk: inDocument,
    searchResultLocation: struct({ searchResultIndex: position, start: position, end: position })
  })
})

const toolReference = struct({
  "!tool": struct({
    type: text({ min: 1, max: 64 }),
    name: text({ min: 1, max: 128 }),
    serverName: text({ min: 1, max: 128 })
  })
})

const contentBlock = union({
  text: any,
  image,
  document,
  video,
  audio,
  // The model names one type of call; the service writes another on ordinary calls, which go back as they came.
  toolUse: struct({ "!toolUseId": callId, "!name": toolName, "!input": json, type: filled }),
  toolResult: struct({
    "!toolUseId": callId,
    "!content": list(union({ json, text: any, image, document, video, searchResult })),
    status: oneOf("success", "error"),
    type: any
  }),
  guardContent,
  cachePoint,
  reasoningContent: union({
    reasoningText: struct({ "!text": any, signature: any }),
    redactedContent: blob()
  }),
  citationsContent: struct({ content: list(union({ text: any })), citations: list(citation) }),
  searchResult,
  toolAddition: toolReference,
  toolRemoval: toolReference
})

const inferenceConfig = struct({
  maxTokens: number(1, Infinity, true),
  temperature: number(0, 1, false),
  topP: number(0, 1, false),
  stopSequences: list(filled, { max: 2500 })
})

const toolConfig = struct({
  "!tools": list(
    union({
      toolSpec: struct({
        "!name": toolName,
        description: filled,
        "!inputSchema": union({ json }),
        strict: boolean
      }),
      systemTool: struct({ "!name": toolName }),
      cachePoint
    }),
    { min: 1 }
  ),
  toolChoice: union({ auto: struct({}), any: struct({}), tool: struct({ "!name": toolName }) })
})

/** A request of Converse or ConverseStream. */
export const request: Shape = struct({
  "!modelId": text({ min: 1, max: 2048 }),
  messages: list(struct({ "!role": oneOf("user", "assistant", "system"), "!content": list(contentBlock) })),
  system: list(union({ text: filled, guardContent, cachePoint })),
  inferenceConfig,
  toolConfig,
  guardrailConfig: struct({
    guardrailIdentifier: text({ max: 2048 }),
    guardrailVersion: text({ pattern: /^([1-9][0-9]{0,7}|DRAFT|)$/ }),
    trace: oneOf("enabled", "disabled", "enabled_full"),
    streamProcessingMode: oneOf("sync", "async")
  }),
  additionalModelRequestFields: json,
  promptVariables: map(any, union({ text: any })),
  additionalModelResponseFieldPaths: list(text({ min: 1, max: 256 }), { max: 10 }),
  requestMetadata: map(
    text({ pattern: /^[a-zA-Z0-9\s:_@$#=/+,\-.]{1,256}$/ }),
    text({ pattern: /^[a-zA-Z0-9\s:_@$#=/+,\-.]{0,256}$/ }),
    { min: 1, max: 16 }
  ),
  performanceConfig: struct({ latency: oneOf("standard", "optimized") }),
  serviceTier: struct({ "!type": oneOf("priority", "default", "flex", "reserved") }),
  outputConfig: struct({
    textFormat: struct({
      "!type": oneOf("json_schema"),
      "!structure": union({ jsonSchema: struct({ "!schema": any, name: any, description: any }) })
    }),
    effort: text({ max: 16 })
  })
})

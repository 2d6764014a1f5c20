/**
 * What a server does differently: every OpenAI-compatible server is one, and none is like the other.
 *
 * A profile is plain data. It is guessed from the base URL, and each of its fields can be set; what is set wins over every guess.
 * The name of a model decides nothing.
 */
import * as Check from "@strata/core/Check"
import * as ServerAddress from "./client/ServerAddress.ts"
import * as Defaults from "./profile/Defaults.ts"
import type { EmbeddingProfile, Kind, Profile } from "./profile/Profile.ts"

export type { EmbeddingProfile, Kind, Media, Profile } from "./profile/Profile.ts"

/** A kind, or fields that replace those of the kind, which is guessed from the base URL when missing. */
export type Input = Kind | (Partial<Omit<Profile, "embedding">> & { readonly embedding?: Partial<EmbeddingProfile> })

/** The kinds. */
export const kinds: ReadonlyArray<Kind> = Defaults.kinds

/** The profile of a kind; that of `compatible` for what is none. */
export const of: (kind: Kind) => Profile = Check.total(
  (kind) => Defaults.byKind[kind] ?? Defaults.byKind.compatible,
  () => Defaults.byKind.compatible
)

/**
 * The profile of a server, with the fields that are given in place of its own. Its kind is told by the base URL: by
 * its host, or the usual port of a local server.
 *
 * @example
 * OpenAiProfile.resolve("http://localhost:11434/v1").kind // "ollama"
 * OpenAiProfile.resolve("https://llm.example.com/v1", { kind: "vllm", contextWindow: 32_768 })
 */
export const resolve: (baseUrl: string, given?: Input) => Profile = Check.total((baseUrl, given) => {
  const { embedding, ...fields } = typeof given === "string" ? { kind: given } : Check.fieldsOf(given) as Fields
  const kind = fields.kind ?? ServerAddress.kindOf(baseUrl)
  const known = Defaults.byKind[kind] ?? Defaults.byKind.compatible
  const provider = kind === "compatible" ? ServerAddress.providerOf(baseUrl) : known.provider
  return {
    ...known,
    provider,
    ...fields,
    kind,
    embedding: { ...known.embedding, ...Check.fieldsOf(embedding) as object }
  }
}, () => Defaults.byKind.compatible)

type Fields = Exclude<Input, Kind>

const tokens = Check.number({ min: 1, whole: true, what: "a number of tokens", remedy: "Use a whole number from 1" })

const embedding = Check.partial<EmbeddingProfile>({
  maxInputs: Check.number({ min: 1, whole: true, what: "a number of texts", remedy: "Use a whole number from 1" }),
  maxTokens: tokens,
  maxInputTokens: tokens,
  dimensions: Check.flag
})

const fields = Check.partial<Profile>({
  kind: Check.word(Defaults.kinds),
  provider: Check.filled,
  instructions: Check.word(["system", "developer"]),
  limit: Check.word(["max_tokens", "max_completion_tokens"]),
  streamUsage: Check.flag,
  callsOnly: Check.word(["null", "empty"]),
  reasoning: Check.flag,
  reasoningField: Check.word(["reasoning", "reasoning_content"]),
  reasoningTags: Check.flag,
  structuredOutput: Check.word(["schema", "object", "tool", "prompt"]),
  strict: Check.flag,
  recoverToolCalls: Check.flag,
  media: Check.list(Check.word(["image", "document", "audio", "video"])),
  // its fields are optional, and merged with those of the kind
  embedding: embedding as Check.Check<EmbeddingProfile>,
  contextWindow: tokens
}, { remedy: "Give the name of a server, or an object with fields of `OpenAiProfile.Profile`" })

/** @internal */
export const check: Check.Check<Input> = (given, at) =>
  typeof given === "string" ? Check.word(Defaults.kinds)(given, at) : fields(given, at)

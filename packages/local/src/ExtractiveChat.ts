/**
 * A {@link ChatService} without key and network, and without a language model: it answers a question with the sentences
 * of the prompt that match it best, verbatim, and names their source.
 *
 * It replaces a model where the model is not the point (examples, tests, an emulator) and cannot hallucinate. It does
 * not write, summarize or reason, calls no tools, and ignores `temperature`, `topP` and `stopSequences`. What changes an answer
 * it refuses: images and other files, a schema, a tool that must be called.
 */
import * as ChatEvent from "@strata/core/chat/ChatEvent"
import type * as ChatRequest from "@strata/core/chat/ChatRequest"
import * as ChatResponse from "@strata/core/chat/ChatResponse"
import * as ChatService from "@strata/core/chat/ChatService"
import * as Message from "@strata/core/chat/Message"
import * as EmbeddingService from "@strata/core/embedding/EmbeddingService"
import type * as Policy from "@strata/core/policy/Policy"
import * as ProviderError from "@strata/core/ProviderError"
import * as Usage from "@strata/core/Usage"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import * as Passage from "./Passage.ts"
import * as Ranking from "./Ranking.ts"
import * as Sentences from "./Sentences.ts"

/** The model name accepted in `model`. */
export const model = "extractive"

/**
 * The text of a user message: the passages in `<document source="…">` blocks, the question after them. It works for
 * language models too.
 *
 * Any text is safe: document tags in it are escaped, all else is unchanged.
 *
 * @example
 * ExtractiveChat.prompt({ question: "How long do I have?", passages: [{ source: "refunds.md", text }] })
 */
export const prompt: typeof Passage.prompt = Passage.prompt

/**
 * What is quoted as an answer.
 *
 * - `maxSentences`: maximum of quoted sentences; 3 when missing.
 * - `threshold`: minimum score of a quoted sentence; 0.4 when missing. Unrelated questions score up to 0.4, right
 *   answers from 0.42, the best 1.5.
 * - `policy`: the policy of calls; `Policy.standard` when missing.
 */
export interface Options {
  readonly maxSentences?: number | undefined
  readonly threshold?: number | undefined
  readonly policy?: Policy.Policy | undefined
}

/**
 * Builds the service. It reads the `<document source="…">…</document>` blocks of all system and user messages, see
 * {@link prompt}; the question is the rest of the last user message. Without blocks, or when no sentence matches, the
 * answer says so.
 *
 * The text is streamed word by word. A token is a word here, as split at white space, in `maxTokens` and the usage.
 *
 * Every sentence of every passage is embedded, so an answer from 30 sentences takes the local encoder up to a second.
 * Calls fail as the embedding service does, with `InvalidRequestError` when there is no question, with
 * `UnsupportedFeatureError` for what it would have to read or write and cannot, and with `ModelNotFoundError` for any other
 * model.
 *
 * @example
 * const Local = ExtractiveChat.layer().pipe(Layer.provideMerge(LocalEmbedding.layer()))
 */
export const layer = (
  options?: Options
): Layer.Layer<ChatService.ChatService, ProviderError.InvalidRequestError, EmbeddingService.EmbeddingService> =>
  Layer.effect(ChatService.ChatService, make(options))

/** {@link layer} as an effect. */
export const make = Effect.fnUntraced(function*(options?: Options) {
  const embedding = yield* EmbeddingService.EmbeddingService
  const respond = (request: ChatRequest.Resolved) =>
    Effect.map(answer(embedding, request, options), (text) => responseOf(request, text))
  return yield* ChatService.make({
    provider,
    defaultModel: model,
    generate: respond,
    stream: (request) => Stream.unwrap(Effect.map(respond(request), eventsOf)),
    policy: options?.policy
  })
})

const provider = "strata.local"

const answer = Effect.fnUntraced(function*(
  embedding: EmbeddingService.EmbeddingService["Service"],
  request: ChatRequest.Resolved,
  options?: Options
): Effect.fn.Return<string, ChatService.ChatError> {
  const { passages, question } = yield* read(request)
  if (passages.length === 0) return withoutContext

  const sentences = passages.flatMap(({ source, text }, passage) =>
    Sentences.split(text).map((sentence) => ({ ...sentence, passage, source }))
  )
  if (sentences.length === 0) return nothingFound(passages.length)

  const [asked, { embeddings }] = yield* Effect.all([
    embedding.embed(question, { purpose: "query", truncate: "end" }),
    embedding.embedMany(sentences.map(({ text }) => text), { purpose: "document", truncate: "end" })
  ], { concurrency: "unbounded" })
  const candidates = sentences.map((sentence, index) => ({ ...sentence, vector: embeddings[index]?.vector ?? [] }))
  const scores = Ranking.scores({ text: question, vector: asked.vector }, candidates)

  const picked = pick(sentences.map((sentence, index) => ({ ...sentence, index, score: scores[index] ?? 0 })), options)
  return picked.length === 0 ? nothingFound(passages.length) : quote(picked)
})

const read = Effect.fnUntraced(function*(request: ChatRequest.Resolved) {
  if (request.model !== model) {
    return yield* new ProviderError.ModelNotFoundError({
      provider,
      model: request.model,
      message: `There is no model "${request.model}" here. Leave model out, or set it to "${model}".`
    })
  }
  const unsupported = unsupportedIn(request)
  if (unsupported !== undefined) return yield* unsupported
  const parsed = Passage.fromMessages(request.messages)
  if (parsed.question === "") {
    return yield* ProviderError.invalidRequest({
      provider,
      model,
      field: "messages",
      problem: "the last user message holds no question",
      remedy: "Ask something, after the last document"
    })
  }
  return parsed
})

/** The first part or option of a request that asks for more than quotations. */
const unsupportedIn = ({ messages, responseFormat, toolChoice }: ChatRequest.Resolved) => {
  const refuse = (field: string, feature: string, problem: string) =>
    new ProviderError.UnsupportedFeatureError({
      provider,
      model,
      field,
      feature,
      problem,
      message: `${field}: ${problem}. Ask a language model.`
    })
  if (responseFormat?.type === "json") {
    return refuse("responseFormat", "structured output", "it quotes sentences, and writes no JSON")
  }
  if (toolChoice !== undefined && toolChoice !== "auto" && toolChoice !== "none") {
    return refuse("toolChoice", "tools", "it calls no tools")
  }
  for (const [place, message] of messages.entries()) {
    for (const [position, part] of Message.parts(message).entries()) {
      const types = part.type === "tool-result" ? (part.parts ?? []).map(({ type }) => type) : [part.type]
      const file = types.find((type) => files.has(type))
      if (file !== undefined) return refuse(`messages[${place}].content[${position}]`, file, "it reads text only")
    }
  }
  return undefined
}

const files: ReadonlySet<Message.Part["type"]> = new Set(["image", "document", "video", "audio"] as const)

interface Scored extends Sentences.Sentence {
  readonly passage: number
  readonly source: string
  readonly index: number
  readonly score: number
}

/** The best sentences, best first; those far below the best one are dropped. */
const pick = (sentences: ReadonlyArray<Scored>, options?: Options): ReadonlyArray<Scored> => {
  const sorted = sentences.toSorted((a, b) => b.score - a.score)
  const floor = Math.max(options?.threshold ?? 0.4, (sorted[0]?.score ?? 0) * 0.7)
  return sorted.filter(({ score }) => score >= floor).slice(0, Math.max(1, options?.maxSentences ?? 3))
}

/**
 * One paragraph for each passage, in the order of their best sentences; within it, sentences keep the order of the
 * source.
 */
const quote = (picked: ReadonlyArray<Scored>): string =>
  [...new Set(picked.map(({ passage }) => passage))].map((passage) => {
    const quoted = picked.filter((sentence) => sentence.passage === passage).toSorted((a, b) => a.index - b.index)
    return `${quoted.map(({ text }) => text).join(" ")} [${quoted[0]?.source ?? ""}]`
  }).join("\n\n")

const withoutContext = "I am not a language model: I only quote the context I am given, and this prompt has none. " +
  "Put passages in <document source=\"…\">…</document> blocks before the question."

const nothingFound = (documents: number) =>
  `I found nothing about this in the ${documents === 1 ? "document" : `${documents} documents`} I was given.`

/** Truncates the text by the request's limits, and counts. */
const responseOf = (request: ChatRequest.Resolved, text: string): ChatResponse.ChatResponse => {
  const stops = (request.stopSequences ?? []).filter((stop) => stop !== "").map((stop) => text.indexOf(stop))
  const stop = Math.min(text.length, ...stops.filter((index) => index !== -1))
  const words = wordsOf(text.slice(0, stop))
  const kept = words.slice(0, request.maxTokens)
  const inputTokens = request.messages.reduce((sum, message) => sum + wordsOf(Message.textOf(message)).length, 0)
  return ChatResponse.make(kept.length === 0 ? [] : [Message.text(kept.join(""))], {
    finishReason: kept.length < words.length ? "length" : stop < text.length ? "stop-sequence" : "stop",
    usage: Usage.make({ inputTokens, outputTokens: kept.length }),
    model: request.model,
    providerMetadata: {}
  })
}

/** The same answer, a delta for each word. */
const eventsOf = (response: ChatResponse.ChatResponse): Stream.Stream<ChatEvent.ChatEvent> =>
  Stream.fromIterable(
    ChatEvent.fromResponse(response).flatMap((event): ReadonlyArray<ChatEvent.ChatEvent> =>
      event.type === "text-delta" ? wordsOf(event.delta).map((delta) => ({ ...event, delta })) : [event]
    )
  )

/** A text split before each word, without loss. */
const wordsOf = (text: string): ReadonlyArray<string> => text.match(/\s*\S+/g) ?? []

/** Validates records before any network, as the services of single calls do. */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as ChatValidation from "../../chat/internal/validation.ts"
import * as Check from "../../Check.ts"
import type * as Embedding from "../../embedding/Embedding.ts"
import * as Inputs from "../../embedding/internal/inputs.ts"
import type * as Plan from "../../embedding/internal/plan.ts"
import * as Validation from "../../embedding/internal/validation.ts"
import * as ProviderError from "../../ProviderError.ts"
import type * as Batch from "../Batch.ts"

/** A record, which may be any value, as the provider gets it. Fails with the errors of the single call. */
export const resolve = Effect.fnUntraced(function*(
  provider: Batch.Provider,
  given: unknown
): Effect.fn.Return<Batch.ResolvedRecord, ProviderError.CallError> {
  const { chat, embedding, options, recordId } = yield* Check.run(record, given, {
    provider: provider.provider,
    whole: "record"
  })
  return chat === undefined
    ? { kind: "embedding", recordId, batch: yield* resolveEmbedding(provider, embedding, options) }
    : { kind: "chat", recordId, request: yield* ChatValidation.resolve(provider, chat) }
})

interface Given {
  readonly recordId: string
  readonly chat?: unknown
  readonly embedding?: unknown
  readonly options?: unknown
}

const recordId: Check.Check<string> = (given, at) =>
  typeof given === "string" && !/^[a-zA-Z0-9]{1,64}$/u.test(given)
    ? Check.refuse(
      at,
      "it is not an id of a record",
      "Use 1 to 64 letters from A to Z and digits, and keep ids of your own beside"
    )
    : Check.text(given, at)

const fields = Check.struct<Given>({
  recordId,
  chat: Check.unchecked(),
  embedding: Check.unchecked(),
  options: Check.unchecked()
}, { remedy: "Give { recordId, chat } or { recordId, embedding, options }" })

const record: Check.Check<Given> = (given, at) => {
  const settled = fields(given, at)
  if (settled === Check.refused) return settled
  const isChat = settled.chat !== undefined
  if (isChat === (settled.embedding !== undefined)) {
    const problem = isChat ? "it has `chat` and `embedding`" : "it has no `chat`, and no `embedding`"
    return Check.refuse(at, problem, "Give one of the two")
  }
  if (!isChat || settled.options === undefined) return settled
  at.path.push("options")
  return Check.refuse(at, "a chat record has none", "Put them into the request: `chat: { messages, maxTokens }`")
}

const resolveEmbedding = Effect.fnUntraced(function*(
  provider: Batch.Provider,
  input: unknown,
  given: unknown
): Effect.fn.Return<Embedding.ProviderBatch, ProviderError.CallError> {
  const { options, truncate } = yield* Validation.resolve(provider, given)
  const { model } = options
  if (truncate === "chunk") {
    const problem = "`truncate`: \"chunk\" makes several requests of a text, and a record is one."
    const remedy = "Split the text into records, or use \"start\", \"end\" or \"none\"."
    return yield* new ProviderError.UnsupportedFeatureError({
      provider: provider.provider,
      model,
      field: "options.truncate",
      feature: "embedding in pieces",
      message: `options.truncate: ${problem} ${remedy}`
    })
  }
  const limits = yield* provider.embeddingLimits(options)
  const target = { operation: "embeddings", provider: provider.provider, model } as const
  const content = Inputs.check({ limits, options, target, truncate }, input)
  return Result.isFailure(content) ? yield* Effect.fail(content.failure("input")) : batchOf(content.success, options)
})

const batchOf = (content: Plan.Content, options: Embedding.ResolvedOptions): Embedding.ProviderBatch =>
  typeof content === "string"
    ? { kind: "text", inputs: [content], options }
    : content.text === undefined
    ? { kind: "image", inputs: [content], options }
    : { kind: "combined", inputs: [content], options }

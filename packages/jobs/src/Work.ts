/**
 * What a job does with its items: embed them, or ask a chat model about each.
 */
import type * as Batch from "@strata/core/batch/Batch"
import * as ChatRequest from "@strata/core/chat/ChatRequest"
import type * as ChatResponse from "@strata/core/chat/ChatResponse"
import * as ChatService from "@strata/core/chat/ChatService"
import * as StructuredOutput from "@strata/core/chat/StructuredOutput"
import * as Check from "@strata/core/Check"
import * as Cost from "@strata/core/Cost"
import type * as Embedding from "@strata/core/embedding/Embedding"
import * as EmbeddingService from "@strata/core/embedding/EmbeddingService"
import * as ProviderError from "@strata/core/ProviderError"
import * as Usage from "@strata/core/Usage"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"

/** What makes two jobs the same: JSON, compared field by field. */
export type Definition = Readonly<Record<string, Schema.Json>>

/** The outcome of each item of a chunk, in order, and what they took together. */
export interface Performed<out Output> {
  readonly outcomes: ReadonlyArray<Result.Result<Output, ProviderError.ProviderError>>
  readonly usage: Usage.Usage
  readonly cost: Cost.Cost | undefined
}

/**
 * Work on items.
 *
 * - `definition`: what it depends on. A job goes on only with work of the definition it was started with. Fails where the
 *   work itself is invalid.
 * - `chunk`: how many items are worked on and written together.
 * - `perform`: does the work; a failure is that of one item.
 * - `batch`: the same work as records of batch jobs.
 */
export interface Work<in Item, out Output, out R = never> {
  readonly definition: Effect.Effect<Definition, ProviderError.InvalidRequestError, R>
  readonly chunk: number
  readonly perform: (items: ReadonlyArray<Item>) => Effect.Effect<Performed<Output>, never, R>
  readonly batch: Batched<Item, Output, R>
}

/** How an item becomes a record of a batch job, and what the result of the record is. */
export interface Batched<in Item, out Output, out R> {
  readonly kind: Batch.Kind
  readonly options: Batch.ResultOptions
  readonly record: (
    item: Item,
    recordId: string
  ) => Effect.Effect<Batch.BatchRecord, ProviderError.InvalidRequestError>
  readonly output: (result: Batch.BatchResult) => Effect.Effect<Output, ProviderError.ProviderError, R>
}

/**
 * How items are worked on, of all kinds of work.
 *
 * - `chunk`: items that are worked on and written together, 96 for embeddings, 1 for chat.
 * - `version`: change it when a function of the work changes what it does, such as a prompt: jobs do not see into functions.
 */
export interface Options {
  readonly chunk?: number | undefined
  readonly version?: string | undefined
}

/**
 * Embeds one input for each item. The output is an `Embedding`.
 *
 * @example
 * Work.embedding({ input: (page: Page) => page.text, options: { dimensions: 512 } })
 */
export const embedding = <Item>(given: EmbeddingWork<Item>): Work<
  Item,
  Embedding.Embedding,
  EmbeddingService.EmbeddingService
> => {
  // What is invalid, `definition` refuses before anything else is used.
  const { chunk = 96, input, options = {}, version } = Check.fieldsOf(given) as EmbeddingWork<Item>
  return {
    chunk,
    definition: Effect.flatMap(
      Check.run(embeddingWork, given, { provider: "strata", whole: "work", field: "work" }),
      ({ options }) =>
        EmbeddingService.EmbeddingService.useSync(({ defaultModel }) =>
          definition("embedding", version, { ...options, model: options?.model ?? defaultModel })
        )
    ),
    perform: (items) =>
      Effect.gen(function*() {
        const inputs = items.map((item) => made("work.input", input, item))
        const given = inputs.flatMap((input) => Result.isSuccess(input) ? [input.success] : [])
        const { cost, results, usage } = yield* EmbeddingService.embedEach(given, options)
        let next = 0
        return {
          outcomes: inputs.map((input) => Result.flatMap(input, () => results[next++]!)),
          usage: Usage.make({ inputTokens: usage.inputTokens ?? 0 }),
          cost
        }
      }),
    batch: {
      kind: "embedding",
      options: { embedding: options },
      record: (item, recordId) =>
        Effect.map(
          Effect.fromResult(made("work.input", input, item)),
          (embedding) => ({ recordId, embedding, options })
        ),
      output: (result) => result.kind === "embedding" ? Effect.fromResult(result.result) : Effect.fail(otherKind)
    }
  }
}

/**
 * What is embedded of an item, and how.
 *
 * - `input`: what is embedded of an item: a text, an image, or both.
 * - `options`: as those of `EmbeddingService.embedEach`.
 */
export interface EmbeddingWork<in Item> extends Options {
  readonly input: (item: Item) => Embedding.Input
  readonly options?: Embedding.EmbeddingOptions | undefined
}

/**
 * Asks a chat model about each item. The output is a `ChatResponse`, and with a `schema` also the `value` of the answer.
 *
 * @example
 * Work.chat({ request: (review: Review) => `Is this review positive?\n${review.text}`, schema: Sentiment })
 */
export const chat: {
  <Item, S extends StructuredOutput.AnySchema>(
    options: Options & StructuredOutput.Options & {
      readonly request: (item: Item) => ChatRequest.Input
      readonly schema: S
    }
  ): Work<Item, StructuredOutput.ObjectResponse<S["Type"]>, ChatService.ChatService | S["DecodingServices"]>
  <Item>(
    options: Options & { readonly request: (item: Item) => ChatRequest.Input }
  ): Work<Item, ChatResponse.ChatResponse, ChatService.ChatService>
} = ((given: AnyChat) => {
  // What is invalid, `definition` refuses before anything else is used.
  const { chunk, request, schema, version, ...format } = Check.fieldsOf(given) as AnyChat
  return schema === undefined
    ? asking(given, { chunk, request, version }, {}, {
      ask: ChatService.generate,
      request: Effect.succeed,
      decode: Effect.succeed
    })
    : asking(given, { chunk, request, version }, { schema: schemaText(schema) }, {
      ask: (request) => ChatService.object(schema, request, format),
      request: (request) =>
        Effect.map(StructuredOutput.format(schema, format), (responseFormat) => ({ ...request, responseFormat })),
      decode: (response) => Effect.map(StructuredOutput.decode(schema, response), (value) => ({ ...response, value }))
    })
}) as never // each overload is one of the two

interface AnyChat extends ChatOptions<never> {
  readonly schema?: StructuredOutput.AnySchema | undefined
}

interface ChatOptions<in Item> extends Options, StructuredOutput.Options {
  readonly request: (item: Item) => ChatRequest.Input
}

/** How to ask: at once, or by a request whose answer is decoded later. */
interface Way<Output, R> {
  readonly ask: (request: ChatRequest.ChatRequest) => Effect.Effect<Output, ProviderError.ChatObjectError, R>
  readonly request: (
    request: ChatRequest.ChatRequest
  ) => Effect.Effect<ChatRequest.ChatRequest, ProviderError.InvalidRequestError>
  readonly decode: (
    response: ChatResponse.ChatResponse
  ) => Effect.Effect<Output, ProviderError.ChatObjectError, R>
}

const asking = <Item, Output extends ChatResponse.ChatResponse, R>(
  given: unknown,
  { chunk = 1, request, version }: ChatOptions<Item>,
  parts: object,
  way: Way<Output, R>
): Work<Item, Output, ChatService.ChatService | R> => ({
  chunk,
  definition: Effect.andThen(
    Check.run(chatWork, given, { provider: "strata", whole: "work", field: "work" }),
    ChatService.ChatService.useSync(({ defaultModel }) =>
      definition("chat", version, { model: defaultModel, ...parts })
    )
  ),
  perform: (items) =>
    Effect.forEach(
      items,
      (item) =>
        Effect.result(
          Effect.flatMap(
            Effect.fromResult(made("work.request", request, item)),
            (input) => way.ask(ChatRequest.make(input))
          )
        ),
      { concurrency: requestsAtOnce }
    ).pipe(Effect.map((outcomes) => {
      const answered = outcomes.flatMap((outcome) => Result.isSuccess(outcome) ? [outcome.success] : [])
      return {
        outcomes,
        usage: answered.reduce((sum, { usage }) => Usage.add(sum, usage), Usage.empty),
        cost: Cost.sum(answered.map(({ cost }) => cost))
      }
    })),
  batch: {
    kind: "chat",
    options: {},
    record: (item, recordId) =>
      Effect.fromResult(made("work.request", request, item)).pipe(
        Effect.flatMap((input) => way.request(ChatRequest.make(input))),
        Effect.map((chat) => ({ recordId, chat }))
      ),
    output: (result) =>
      result.kind === "chat"
        ? Effect.flatMap(Effect.fromResult(result.result), way.decode)
        : Effect.fail(otherKind)
  }
})

/** A provider that does other than it should. */
const otherKind = new ProviderError.MalformedResponseError({
  provider: "strata",
  message: "The batch job answered with results of another kind than its records."
})

/** Of one chunk; the policy of the service limits all of them. */
const requestsAtOnce = 16

const common = {
  chunk: Check.optional(
    Check.number({ min: 1, max: 10_000, whole: true, remedy: "Use a whole number of items from 1 to 10,000" })
  ),
  version: Check.optional(Check.text)
}

/** The service checks what they mean. */
const embeddingOptions = Check.jsonObject("Give options of embeddings") as Check.Check<Embedding.EmbeddingOptions>

const embeddingWork = Check.struct<EmbeddingWork<never>>({
  ...common,
  input: Check.callback("Give a function of an item"),
  options: Check.optional(embeddingOptions)
})

const chatWork = Check.struct<AnyChat>({
  ...common,
  request: Check.callback("Give a function of an item"),
  schema: Check.optional(Check.instance(isSchema, "Give a Schema of effect")),
  name: Check.optional(Check.text),
  description: Check.optional(Check.text),
  repairs: Check.optional(Check.number({ min: 0, whole: true, remedy: "Use a whole number" }))
})

function isSchema(given: unknown): given is StructuredOutput.AnySchema {
  return Schema.isSchema(given)
}

/** What a function of the work makes of an item; what it throws is the failure of that item. */
const made = <Item, A>(
  field: string,
  make: (item: Item) => A,
  item: Item
): Result.Result<A, ProviderError.InvalidRequestError> =>
  Result.try({
    try: () => make(item),
    catch: (cause) =>
      ProviderError.invalidRequest({
        provider: "strata",
        field,
        problem: `it throws for this item: ${cause instanceof Error ? cause.message : typeof cause}`,
        remedy: "Mend the function, or the item"
      })
  })

const definition = (kind: string, version: string | undefined, parts: object): Definition => ({
  kind,
  ...(version !== undefined && { version }),
  // It is JSON, but for fields that are `undefined`.
  ...JSON.parse(JSON.stringify(parts))
})

const schemaText = (schema: StructuredOutput.AnySchema): string =>
  Result.getOrElse(
    // A value that is no schema throws here, and is refused by the definition.
    Result.try(() => JSON.stringify(Schema.toJsonSchemaDocument(schema).schema)),
    () => "of no JSON form"
  )

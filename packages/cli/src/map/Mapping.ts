/**
 * What is asked of a model about each row, and what is written of it.
 */
import { type ChatRequest, type ChatResponse, ChatService, Cost, ExactJson, ProviderError, Usage } from "@strata/core"
import type { Work } from "@strata/jobs"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type * as AnswerSchema from "../ask/AnswerSchema.ts"
import * as Template from "../rows/Template.ts"

/** A row as it is stored while there is work on it: its id, and a JSON object. */
export const Item = Schema.Struct({ id: Schema.String, text: Schema.String })
export type Item = typeof Item.Type

/**
 * - `prompt`: with columns in it; the row itself when missing. `schema`: of answers.
 * - `provider`: tells a model on this machine from the one whose name it has.
 */
export interface Options {
  readonly provider: string
  readonly prompt: string | undefined
  readonly system: string | undefined
  readonly schema: AnswerSchema.AnswerSchema | undefined
  readonly maxTokens: number
  readonly temperature: number | undefined
}

/** The request about a row. */
export const requestOf = (
  { maxTokens, prompt, schema, system, temperature }: Options
): (item: Pick<Item, "text">) => Effect.Effect<ChatRequest.ChatRequest, ProviderError.InvalidRequestError> => {
  const template = prompt === undefined ? undefined : Template.parse(prompt)
  return (item) =>
    Effect.map(contentOf(template, item), (content) => ({
      messages: [
        ...(system === undefined ? [] : [{ role: "system" as const, content: system }]),
        { role: "user" as const, content }
      ],
      maxTokens,
      ...(temperature !== undefined && { temperature }),
      ...(schema !== undefined && { responseFormat: schema.format })
    }))
}

/** The answer of a response: a text, or a value of the schema. One that was cut is none. */
export const answerOf = (
  { schema }: Pick<Options, "schema">,
  response: ChatResponse.ChatResponse
): Effect.Effect<unknown, ProviderError.StructuredOutputError | ProviderError.InvalidRequestError> =>
  schema === undefined ? whole(response) : schema.decode(response)

/** Asks about each row. The output is the answer. */
export const work = (options: Options): Work.Work<Item, unknown, ChatService.ChatService> => {
  const { maxTokens, prompt, provider, schema, system, temperature } = options
  const request = requestOf(options)
  const ask = Effect.fnUntraced(function*(item: Item) {
    const response = yield* ChatService.generate(yield* request(item))
    return { answer: yield* answerOf(options, response), usage: response.usage, cost: response.cost }
  })
  return {
    chunk: 1,
    definition: ChatService.ChatService.useSync(({ defaultModel = "unknown" }) => ({
      kind: "map",
      provider,
      model: defaultModel,
      prompt: prompt ?? null,
      system: system ?? null,
      schema: schema === undefined ? null : JSON.stringify(schema.format.schema),
      maxTokens,
      temperature: temperature ?? null
    })),
    perform: (items) =>
      Effect.map(Effect.forEach(items, (item) => Effect.result(ask(item))), (results) => ({
        outcomes: results.map((result) => Result.map(result, ({ answer }) => answer)),
        usage: results.reduce(
          (sum, result) => Result.isSuccess(result) ? Usage.add(sum, result.success.usage) : sum,
          Usage.empty
        ),
        cost: Cost.sum(results.flatMap((result) => Result.isSuccess(result) ? [result.success.cost] : []))
      })),
    batch: {
      kind: "chat",
      options: {},
      record: (item, recordId) => Effect.map(request(item), (chat) => ({ recordId, chat })),
      output: (result) =>
        result.kind === "chat"
          ? Effect.flatMap(Effect.fromResult(result.result), (response) => answerOf(options, response))
          : Effect.fail(otherKind)
    }
  }
}

/** A provider that does other than it should. */
const otherKind = new ProviderError.MalformedResponseError({
  provider: "strata",
  message: "The batch job answered with results of another kind than its records."
})

const whole = (
  { finishReason, model, provider = "unknown", text }: ChatResponse.ChatResponse
): Effect.Effect<string, ProviderError.StructuredOutputError> => {
  const why = incomplete[finishReason]
  return why === undefined
    ? Effect.succeed(text)
    : Effect.fail(new ProviderError.StructuredOutputError({ provider, model, text, message: why }))
}

const incomplete: Readonly<Record<string, string>> = {
  length: "The answer was cut at --max-tokens: allow more",
  "context-length": "Prompt and answer are longer than the model can hold",
  "content-filter": "The provider's content filter withheld the answer",
  guardrail: "A guardrail withheld the answer",
  refusal: "The model refused to answer"
}

const contentOf = (template: Template.Template | undefined, item: Pick<Item, "text">) => {
  if (template === undefined) return Effect.succeed(item.text)
  const values = Result.getOrElse(ExactJson.parse(item.text), () => ({}))
  return Effect.mapError(
    Effect.fromResult(Template.render(template, Predicate.isObject(values) ? { ...values } : {})),
    (column) =>
      ProviderError.invalidRequest({
        provider: "strata",
        field: "prompt",
        problem: `the row has no column "${column}"`,
        remedy: "Name one that all rows have"
      })
  )
}

/** The line of a result: the row as it is, and the answer as one more member. */
export const line = ({ text }: Pick<Item, "text">, name: string, answer: unknown): string => {
  const object = text.trim()
  const members = object.slice(1, -1).trim()
  return `{${members === "" ? "" : `${object.slice(1, -1).trimEnd()},`}${JSON.stringify(name)}:${
    JSON.stringify(answer)
  }}`
}

/**
 * What is asked of a model about each row, and what is written of it.
 */
import { ChatService, Cost, ExactJson, type Message, ProviderError, Usage } from "@strata/core"
import type { Work } from "@strata/jobs"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type * as AnswerSchema from "../ask/AnswerSchema.ts"
import * as Template from "../rows/Template.ts"

/** A row as it is stored while there is work on it: its line in the file, and a JSON object. */
export const Item = Schema.Struct({ id: Schema.String, line: Schema.Finite, text: Schema.String })
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

/** Asks about each row. The output is the answer: a text, or a value of the schema. */
export const work = (options: Options): Work.Work<Item, unknown, ChatService.ChatService> => {
  const { maxTokens, prompt, provider, schema, system, temperature } = options
  const template = prompt === undefined ? undefined : Template.parse(prompt)
  const ask = Effect.fnUntraced(function*(item: Item) {
    const content = yield* contentOf(template, item)
    const messages: ReadonlyArray<Message.Message> = [
      ...(system === undefined ? [] : [{ role: "system" as const, content: system }]),
      { role: "user", content }
    ]
    const response = yield* ChatService.generate({
      messages,
      maxTokens,
      ...(temperature !== undefined && { temperature }),
      ...(schema !== undefined && { responseFormat: schema.format })
    })
    const answer = schema === undefined ? yield* whole(response) : yield* schema.decode(response)
    return { answer, usage: response.usage, cost: response.cost }
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
      }))
  }
}

/** An answer that was cut is none. */
const whole = (
  { finishReason, model, provider = "unknown", text }: Effect.Success<ReturnType<typeof ChatService.generate>>
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

const contentOf = (template: Template.Template | undefined, item: Item) => {
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

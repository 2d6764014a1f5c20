/**
 * Handles CountTokens: counts a prompt like Converse, without calling a model.
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type * as AwsError from "./AwsError.ts"
import { isObject, isUnion, mustSetOne } from "./converse/rule/Finding.ts"
import * as Tokens from "./converse/usage/Tokens.ts"
import * as Validation from "./converse/Validation.ts"
import * as Wire from "./converse/Wire.ts"
import * as HttpResponse from "./http/HttpResponse.ts"
import * as Families from "./invoke/chat/Families.ts"
import * as Json from "./Json.ts"
import type * as Model from "./model/Model.ts"
import * as Violation from "./Violation.ts"

/** Counts the tokens of `body`: a Converse prompt, or the body of an InvokeModel. */
export const countTokens = Effect.fnUntraced(function*(body: unknown, model: Model.ChatModel) {
  const { input } = yield* Effect.fromResult(readBody(body))
  const union = yield* Effect.fromResult(readInput(input))
  if (!isUnion(union)) return yield* mustSetOne("CountTokensInput", "input", "invokeModel, converse")
  const { converse = {}, invokeModel } = union
  if (invokeModel !== undefined) {
    return HttpResponse.json({ inputTokens: yield* Effect.fromResult(ofInvokeModel(invokeModel.body, model)) })
  }
  const problem = Validation.validatePrompt(converse, model)
  return problem === undefined ? HttpResponse.json({ inputTokens: Tokens.ofPrompt(converse) }) : yield* problem
})

const readBody = Wire.reader(Schema.Struct({ input: Schema.Unknown }))

const readInput = Wire.reader(
  Schema.Struct({
    converse: Schema.optionalKey(Wire.Prompt),
    invokeModel: Schema.optionalKey(Schema.Struct({ body: Schema.StringFromBase64 }))
  }),
  "input"
)

/** A body its family can decode is counted as a prompt; of any other, all texts are counted. */
const ofInvokeModel = (text: string, model: Model.ChatModel): Result.Result<number, AwsError.AwsError> =>
  Result.flatMap(jsonObject(text), (body) => {
    const family = Families.find(model)
    return family === undefined
      ? Result.succeed(tokensOf(body))
      : Result.map(family(body, model), ({ request }) => Tokens.ofPrompt(request))
  })

const jsonObject = (text: string) =>
  Result.filterOrFail(Result.mapError(Json.fromText(text), () => notJson), isObject, () => notJson)

const notJson = Violation.malformedInput("the body is not a JSON object")

/** All texts of a body that a model would read. */
const tokensOf = (value: unknown): number => {
  if (typeof value === "string") return Tokens.ofText(value)
  const members = Array.isArray(value)
    ? value
    : isObject(value)
    ? Object.entries(value).flatMap(([key, member]) => unread.has(key) ? [] : [member])
    : []
  return members.reduce<number>((sum, member) => sum + tokensOf(member), 0)
}

/** Members that are not part of a prompt. */
const unread: ReadonlySet<string> = new Set(["anthropic_version", "anthropic_beta", "type", "role", "id", "media_type"])

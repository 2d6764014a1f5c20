/**
 * The headers of a request to InvokeModel: content types, guardrail, latency and service tier. A guardrail also has a
 * member in the body.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as AwsError from "../../AwsError.ts"
import type * as Block from "../../converse/Block.ts"
import * as Constraint from "../../converse/Constraint.ts"
import { isObject } from "../../converse/rule/Finding.ts"
import * as Wire from "../../converse/Wire.ts"
import type * as Exchange from "../../http/Exchange.ts"
import * as Body from "../Body.ts"
import * as Family from "./Family.ts"

/**
 * - `body`: without the member for the guardrail.
 * - `guardrail`: as in Converse; `tag` marks the texts to check.
 * - `echoed`: headers repeated in the response.
 */
export interface Decoded {
  readonly body: unknown
  readonly guardrail: Wire.GuardrailConfig | undefined
  readonly tag: string | undefined
  readonly echoed: Exchange.Headers
}

/** The content type must be exactly JSON: not even a charset is allowed. */
export const checkContentType = (headers: Exchange.Headers): Effect.Effect<void, AwsError.AwsError> =>
  (headers["content-type"] ?? json) === json ? Effect.void : Effect.fail(wrongContentType)

/** Decodes the headers and the guardrail of a request. */
export const read = Effect.fnUntraced(function*(headers: Exchange.Headers, body: unknown, streaming: boolean) {
  yield* checkContentType(headers)
  if (!takesJson(headers[streaming ? "x-amzn-bedrock-accept" : "accept"])) return yield* wrongAccept
  const said = yield* Effect.fromResult(readDecoded(Object.fromEntries(
    Object.entries(names).flatMap(([member, name]) => headers[name] === undefined ? [] : [[member, headers[name]]])
  )))
  const { [configMember]: config, ...rest } = isObject(body) ? body : {}
  const guarded = said.guardrailIdentifier !== undefined && said.guardrailIdentifier !== ""
  if (config !== undefined && !guarded) return yield* configWithoutGuardrail
  if (guarded && said.guardrailVersion === undefined) return yield* guardrailWithoutVersion
  const { streamProcessingMode, tagSuffix } = config === undefined ? {} : yield* Effect.fromResult(readConfig(config))
  const result: Decoded = {
    body: config === undefined ? body : rest,
    tag: tagSuffix,
    guardrail: guarded
      ? {
        ...Family.present({
          guardrailIdentifier: said.guardrailIdentifier,
          guardrailVersion: said.guardrailVersion,
          trace: said.trace === undefined ? undefined : traces[said.trace]
        }),
        streamProcessingMode: streamProcessingMode === "ASYNCHRONOUS" ? "async" : "sync"
      }
      : undefined,
    echoed: Object.fromEntries(
      echoes.flatMap((name) => headers[name] === undefined ? [] : [[name, headers[name]]])
    )
  }
  return result
})

/** The request with its tagged texts marked for the guardrail. Without tags, all of it is checked. */
export const mark = (request: Wire.Request, tag: string | undefined): Wire.Request => {
  if (tag === undefined) return request
  const tagged = new RegExp(`<(amazon-bedrock-guardrails-guardContent_${tag})>(.*?)</\\1>`, "s")
  return {
    ...request,
    ...Family.present({
      messages: request.messages?.map((message) =>
        message.role === "user"
          ? { ...message, content: message.content.flatMap((block) => markBlock(block, tagged)) }
          : message
      )
    })
  }
}

const markBlock = (block: Block.Content, tagged: RegExp): ReadonlyArray<Block.Content> => {
  if (block.text === undefined) return [block]
  // of every three pieces the second is the name of the tag, and the third its content
  const pieces = block.text.split(tagged)
  return pieces.flatMap((text, index): ReadonlyArray<Block.Content> => {
    if (index % 3 === 1 || text === "") return []
    return [index % 3 === 2 ? { guardContent: { text: { text } } } : { text }]
  })
}

const json = "application/json"

const takesJson = (types = json): boolean =>
  types.split(",").some((type) => /^\s*(?:application\/json|application\/\*|\*\/\*)\s*(?:;|$)/i.test(type))

const names = {
  guardrailIdentifier: "x-amzn-bedrock-guardrailidentifier",
  guardrailVersion: "x-amzn-bedrock-guardrailversion",
  trace: "x-amzn-bedrock-trace",
  performanceConfigLatency: "x-amzn-bedrock-performanceconfig-latency",
  serviceTier: "x-amzn-bedrock-service-tier"
}

const echoes = [names.performanceConfigLatency, names.serviceTier]

const traces = { ENABLED: "enabled", DISABLED: "disabled", ENABLED_FULL: "enabled_full" } as const

const { guardrailIdentifier, guardrailVersion } = Wire.GuardrailConfig.fields

const readDecoded = Wire.reader(Schema.Struct({
  guardrailIdentifier,
  guardrailVersion,
  trace: Schema.optionalKey(Constraint.oneOf(["ENABLED", "DISABLED", "ENABLED_FULL"])),
  performanceConfigLatency: Schema.optionalKey(Constraint.oneOf(["standard", "optimized"])),
  serviceTier: Schema.optionalKey(Constraint.oneOf(["priority", "default", "flex", "reserved"]))
}))

const configMember = "amazon-bedrock-guardrailConfig"

/** Amazon Bedrock User Guide, "Apply tags to user input to filter content" and "Configure streaming response behavior". */
const readConfig = Body.reader(Schema.Struct({
  tagSuffix: Schema.optionalKey(Schema.String.check(Schema.isPattern(/^[A-Za-z0-9]{1,20}$/))),
  streamProcessingMode: Schema.optionalKey(Body.oneOf(["SYNCHRONOUS", "ASYNCHRONOUS"]))
}))

const wrongContentType = AwsError.validation(
  "The provided Content Type is invalid or not supported for this model"
)

/** The service's message is known for the content type only. */
const wrongAccept = AwsError.validation("The provided Accept Type is invalid or not supported for this model")

/** The service's model says that these two are refused; its messages are unknown. */
const configWithoutGuardrail = AwsError.validation(
  `The request body has the field ${configMember}, but no guardrail identifier was provided.`
)

const guardrailWithoutVersion = AwsError.validation(
  "A guardrail identifier was provided without a guardrail version."
)

/**
 * Handles ApplyGuardrail: checks texts without calling a model.
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as AwsError from "../AwsError.ts"
import * as Constraint from "../converse/Constraint.ts"
import { isUnion, mustSetOne } from "../converse/rule/Finding.ts"
import * as Wire from "../converse/Wire.ts"
import * as HttpResponse from "../http/HttpResponse.ts"
import * as Guardrail from "./Guardrail.ts"

/** The guardrails of the account, and the request. */
export interface Call {
  readonly guardrails: ReadonlyArray<Guardrail.Guardrail>
  readonly region: string
  readonly identifier: string
  readonly version: string
  readonly body: unknown
}

/** The result in the service's format. */
export const applyGuardrail = Effect.fnUntraced(function*(call: Call) {
  const { content, outputScope, source } = yield* Effect.fromResult(read(call.body))
  const odd = content.findIndex((block) => !isUnion(block))
  if (odd >= 0) return yield* mustSetOne("GuardrailContentBlock", `content.${odd}`, "text, image")
  const empty = content.findIndex(({ image }) => image !== undefined && !isUnion(image.source))
  if (empty >= 0) return yield* mustSetOne("GuardrailImageSource", `content.${empty}.image.source`, "bytes")
  const named = yield* Effect.fromResult(
    Result.mapError(
      Guardrail.find(call.guardrails, call.region, call.identifier, call.version),
      (message) => AwsError.make("ResourceNotFoundException", message)
    )
  )
  const texts = content.flatMap((block) => block.text?.text ?? [])
  const verdict = Guardrail.judge(
    named,
    source,
    {
      texts,
      totalCharacters: texts.reduce((sum, text) => sum + text.length, 0),
      images: content.length - texts.length
    },
    outputScope === "FULL"
  )
  const coverage = { images: null, ...verdict.coverage }
  const outputs = verdict.intervened ? [{ text: verdict.message }] : []
  return HttpResponse.json({
    action: verdict.intervened ? "GUARDRAIL_INTERVENED" : "NONE",
    actionReason: verdict.actionReason,
    assessments: [{
      ...noPolicies,
      ...verdict.assessment,
      invocationMetrics: { ...verdict.metrics, guardrailCoverage: coverage }
    }],
    blockedResponse: verdict.intervened ? verdict.message : null,
    guardrailCoverage: coverage,
    output: outputs,
    outputs,
    usage: verdict.usage
  })
})

/** Converse omits these fields; here they are `null`. */
const noPolicies = {
  automatedReasoningPolicy: null,
  contentPolicy: null,
  contextualGroundingPolicy: null,
  sensitiveInformationPolicy: null,
  topicPolicy: null,
  wordPolicy: null
}

const optional = Schema.optionalKey

const read = Wire.reader(Schema.Struct({
  source: Constraint.oneOf(["INPUT", "OUTPUT"]),
  outputScope: optional(Constraint.oneOf(["INTERVENTIONS", "FULL"])),
  content: Schema.Array(Schema.Struct({
    text: optional(Schema.Struct({
      text: Schema.String,
      qualifiers: optional(Schema.Array(Constraint.oneOf(["grounding_source", "query", "guard_content"])))
    })),
    image: optional(Schema.Struct({
      format: Constraint.oneOf(["png", "jpeg"]),
      source: Schema.Struct({ bytes: optional(Constraint.Bytes) })
    }))
  }))
}))

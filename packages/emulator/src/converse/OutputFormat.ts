/**
 * The JSON schema of the answer from the vendor's own field: Claude's `output_config.format`. The API's `outputConfig`
 * is decoded in `Request.ts`.
 */
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Constraint from "./Constraint.ts"
import type * as Wire from "./Wire.ts"

const decode = Schema.decodeUnknownOption(Schema.Struct({
  output_config: Schema.Struct({
    format: Schema.Struct({ type: Schema.Literal("json_schema"), schema: Constraint.JsonObject })
  })
}))

/** The schema in Claude's own field, when it is valid. */
export const schemaOf = (request: Wire.Request): typeof Constraint.JsonObject.Type | undefined =>
  Option.getOrUndefined(decode(request.additionalModelRequestFields))?.output_config.format.schema

/**
 * Handles InvokeModel for embedding models, by family.
 */
import * as Effect from "effect/Effect"
import * as HttpResponse from "../../http/HttpResponse.ts"
import type * as Model from "../../model/Model.ts"
import * as Cohere from "./Cohere.ts"
import type * as Embed from "./Embed.ts"
import * as Marengo from "./Marengo.ts"
import * as Nova from "./Nova.ts"
import * as Titan from "./Titan.ts"

/** A request for vectors of this model; `elapsed`: milliseconds since it arrived. */
export interface Call extends Embed.Call {
  readonly model: Model.EmbeddingModel
  readonly elapsed: () => number
}

/** The vectors, with the headers of InvokeModel. */
export const invoke = Effect.fnUntraced(function*(call: Call) {
  const { body, inputTokens } = yield* families[call.model.family](call)
  return HttpResponse.json(body, {
    ...(inputTokens === undefined ? undefined : { "x-amzn-bedrock-input-token-count": String(inputTokens) }),
    "x-amzn-bedrock-invocation-latency": String(call.elapsed())
  })
})

const families: Readonly<Record<Model.EmbeddingFamily, Embed.Family>> = {
  "titan-v1": Titan.v1,
  "titan-v2": Titan.v2,
  "titan-image-v1": Titan.image,
  "nova-2": Nova.v2,
  "cohere-v3": Cohere.v3,
  "cohere-v4": Cohere.v4,
  "marengo-2.7": Marengo.v2_7,
  "marengo-3.0": Marengo.v3_0
}

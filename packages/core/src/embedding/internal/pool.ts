/** A pool of embedding services of one model; `EmbeddingService.withPool` says how it chooses between them. */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as Check from "../../Check.ts"
import * as BoundedMap from "../../internal/boundedMap.ts"
import { defined } from "../../internal/defined.ts"
import * as Trait from "../../internal/trait.ts"
import * as Gates from "../../policy/internal/gates.ts"
import * as Lane from "../../policy/internal/lane.ts"
import * as Dispatch from "../../policy/internal/pool/dispatch.ts"
import * as Lanes from "../../policy/internal/pool/lanes.ts"
import type * as Pool from "../../policy/Pool.ts"
import * as ProviderError from "../../ProviderError.ts"
import * as Embedder from "../Embedder.ts"
import type * as Embedding from "../Embedding.ts"

/** The layer of a pool, for the tag of the service; each other argument may be any value. */
export const layer = <Service>(
  tag: Context.Key<Service, Embedder.Embedder>,
  lanes: Pool.Lanes<Service>,
  options?: Pool.Options
): Layer.Layer<Service, unknown, unknown> =>
  Lanes.layer({ tag, cored: Embedder.cored }, lanes, options, (members, options) => make(members, options))

type Member = Lanes.Member<Embedder.Embedder>

const make = Effect.fnUntraced(function*(members: Lanes.Members<Embedder.Embedder>, options: Pool.Options) {
  yield* sameModel(members)
  const [{ service: first }] = members
  const { provider = "custom" } = first
  const dispatch = Dispatch.make(members, options)
  const lengths = BoundedMap.make<string, number>(mostKinds)
  const { [Trait.cores]: cores = [], ...data } = Trait.ofMembers(members.map(({ service }) => service))

  let window = 0
  for (const { service } of members) {
    const [ahead] = yield* Gates.ahead(service, undefined)
    window += ahead?.enforcement.window ?? 0
  }

  /** Vectors of other lengths than before, for the same options, are of another model. */
  const comparable = (
    lane: Member,
    { dimensions = 0, model, vectorType }: Embedding.ResolvedOptions,
    length: number
  ) => {
    const known = BoundedMap.getOrMake(lengths, JSON.stringify([model, dimensions, vectorType]), () => length)
    return known === length ? Effect.void : Effect.fail(
      new ProviderError.MalformedResponseError({
        provider,
        model,
        message:
          `The lane ${lane.name} answered with vectors of length ${length}, and another lane with vectors of length ` +
          `${known}, which cannot be compared. Use lanes of one model, and set \`dimensions\` around the pool.`
      })
    )
  }

  /** One request through one lane. The default model of the pool stands for that of each lane. */
  const embed = (lane: Member, { inputs, options: { model, truncate: _, ...rest } }: Embedding.ProviderBatch) => {
    const options = { ...rest, ...defined({ model: model === first.defaultModel ? undefined : model }) }
    return lane.service.embedMany(inputs, options)
  }

  return yield* Embedder.passingOn(
    {
      ...data,
      provider,
      limits: (request) => Embedder.providerOf(first)?.limits(request) ?? Effect.succeed(unlimited),
      modelName: (model) => nameOf(members[0], model),
      embedBatch: (batch) => {
        const { model } = batch.options
        const named = model === first.defaultModel ? undefined : model
        return Effect.flatMap(
          dispatch({ modelOf: () => named, cached: () => 0 }, (lane) => embed(lane, batch)),
          ({ answer: { embeddings, model, usage }, lane }) => {
            const [one] = embeddings
            return Effect.as(one === undefined ? Effect.void : comparable(lane, batch.options, one.vector.length), {
              vectors: embeddings.map(({ vector }) => vector),
              model,
              inputTokens: usage.inputTokens,
              lane: one?.lane === undefined ? lane.name : Lane.within(lane.name, one.lane)
            })
          }
        )
      }
    },
    cores,
    Math.max(1, window)
  )
})

const unlimited: Embedding.Limits = { maxItems: Infinity, maxLength: Infinity }

/** Few options that decide the length of vectors are used in one program. */
const mostKinds = 1_000

const nameOf = ({ model, service }: Member, id = service.defaultModel): string | undefined => {
  if (model !== undefined) return model
  const known = Embedder.providerOf(service)?.modelName
  return id === undefined || known === undefined ? id : known(id)
}

/** Vectors of different models cannot be compared, so lanes of different models are refused. */
const sameModel = Effect.fnUntraced(function*(members: Lanes.Members<Embedder.Embedder>) {
  const [first] = members
  const expected = nameOf(first)
  for (const member of members) {
    const name = nameOf(member)
    if (members.length > 1 && member.service.defaultModel !== undefined && name === undefined) {
      const problem = `the id of its model, "${member.service.defaultModel}", does not say which model it is`
      return yield* Check.invalid(`lanes.${member.name}`, problem, "Name it with `model`, as the other lanes do")
    }
    if (name === expected) continue
    const problem =
      `its model is ${quoted(name)}, and that of ${first.name} is ${quoted(expected)}: their vectors cannot ` +
      "be compared"
    return yield* Check.invalid(`lanes.${member.name}`, problem, "Use lanes of one model")
  }
})

const quoted = (name: string | undefined): string => name === undefined ? "not known" : `"${name}"`

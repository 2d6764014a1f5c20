/**
 * Prepares a chat request for sending: looks up the model's capabilities, refuses what it cannot do, and encodes.
 *
 * Nothing is sent, except for the lookup of an inference profile where that is enabled.
 */
import type { ConverseStreamCommandInput } from "@aws-sdk/client-bedrock-runtime"
import type * as ChatRequest from "@strata/core/chat/ChatRequest"
import * as ProviderError from "@strata/core/ProviderError"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as BedrockPrompt from "../BedrockPrompt.ts"
import type { Capabilities } from "../catalog/Capabilities.ts"
import * as ModelCatalog from "../catalog/ModelCatalog.ts"
import * as ModelId from "../catalog/ModelId.ts"
import * as ClientInput from "../client/clientInput.ts"
import * as InferenceProfile from "../InferenceProfile.ts"
import * as LeastRecent from "../internal/leastRecent.ts"
import { providerName } from "../internal/provider.ts"
import * as RequestMetadata from "../internal/requestMetadata.ts"
import type { Pairs } from "../RequestMetadata.ts"
import type * as History from "./History.ts"
import * as Request from "./Request.ts"

/** See `BedrockChat.Options`. */
export interface Options {
  readonly family?: string | undefined
  readonly history?: History.Mode | undefined
  readonly requestMetadata?: Pairs | undefined
}

/** Prepares one request. Fails with the errors of an invalid request. */
export type Prepare = (
  request: ChatRequest.Resolved,
  options: { readonly streaming: boolean }
) => Effect.Effect<Request.Encoded, ProviderError.CallError>

/** The lookup of profiles, and the catalogue unless a call provides its own, are those in force where this is made. */
export const make = Effect.fnUntraced(function*(options: Options = {}): Effect.fn.Return<Prepare> {
  const capabilitiesOf = yield* makeCapabilities(options.family)
  return (request, { streaming }) =>
    Effect.flatMap(capabilitiesOf(request), (capabilities): ReturnType<Prepare> => {
      const [violation] = ModelCatalog.check(capabilities, request, { streaming })
      if (violation !== undefined) return Effect.fail(violation)
      const settled = Request.encode(request, { capabilities, history: options.history ?? "repair", streaming })
      if (Result.isFailure(settled)) return Effect.fail(settled.failure)
      const { requestMetadata } = settled.success.input
      return Effect.flatMap(
        RequestMetadata.inForce(request.model, options.requestMetadata, requestMetadata),
        (pairs) => {
          const encoded = pairs === undefined ? settled.success : tagged(settled.success, pairs)
          ClientInput.trust(encoded.input)
          const ready = ModelId.isArn(request.model) && ModelId.parse(request.model).kind === "prompt"
            ? prompted(request, encoded)
            : Effect.succeed(encoded)
          return encoded.changes.length === 0 ? ready : Effect.andThen(logChanges(request, encoded), ready)
        }
      )
    })
})

const tagged = (encoded: Request.Encoded, requestMetadata: Pairs): Request.Encoded => ({
  ...encoded,
  input: { ...encoded.input, requestMetadata }
})

type CapabilitiesOf = (request: ChatRequest.Resolved) => Effect.Effect<Capabilities, ProviderError.CallError>

const makeCapabilities = Effect.fnUntraced(function*(family: string | undefined): Effect.fn.Return<CapabilitiesOf> {
  const ownCatalog = yield* ModelCatalog.ModelCatalog
  const ownLookup = yield* InferenceProfile.InferenceProfile
  let known = LeastRecent.make<Capabilities>(mostKnown)
  let knownTo = ownCatalog

  const find = (model: string, hint: string | undefined, catalog: typeof ownCatalog): Capabilities => {
    // Parsing an id and searching the catalogue takes 30 µs.
    if (catalog !== knownTo) {
      known = LeastRecent.make(mostKnown)
      knownTo = catalog
    }
    const key = `${model}\n${hint ?? ""}`
    const capabilities = known.get(key) ?? ModelCatalog.lookup(model, { family: hint, catalog })
    known.set(key, capabilities)
    return capabilities
  }

  return ({ model, providerOptions }) =>
    Effect.flatMap(ModelCatalog.ModelCatalog, (given) => {
      const catalog = given === ModelCatalog.builtIn ? ownCatalog : given
      const own = providerOptions?.bedrock?.family
      // options of another type are refused when they are encoded
      const hint = Predicate.isString(own) ? own : family
      return hint === undefined && InferenceProfile.isOpaque(model)
        ? Effect.map(ownLookup(model), (found) => find(model, found, catalog))
        : Effect.succeed(find(model, hint, catalog))
    })
})

/** A program uses only a few models. */
const mostKnown = 256

/** The log names fields, never content. */
const logChanges = (request: ChatRequest.Resolved, { changes }: Request.Encoded): Effect.Effect<void> =>
  Effect.logDebug("Changed the request before it was sent").pipe(
    Effect.annotateLogs({ provider: providerName, model: request.model, changes })
  )

/** The reference of Converse: "You can't include the following fields" in a request for a prompt. */
const prompted = (
  request: ChatRequest.Resolved,
  encoded: Request.Encoded
): Effect.Effect<Request.Encoded, ProviderError.InvalidRequestError> => {
  const own = ownToPrompts.find(([field]) => encoded.input[field] !== undefined)
  if (own !== undefined) {
    const [field, what] = own
    return Effect.fail(ProviderError.invalidRequest({
      provider: providerName,
      model: request.model,
      field,
      problem: `a request for a prompt cannot have ${what}`,
      remedy: "Set it in the prompt, with Prompt management"
    }))
  }
  if (!BedrockPrompt.isNothing(request.messages)) return Effect.succeed(encoded)
  const { messages: _, ...input } = encoded.input
  return Effect.succeed({ ...encoded, input })
}

const ownToPrompts: ReadonlyArray<readonly [field: keyof ConverseStreamCommandInput, what: string]> = [
  ["system", "a system prompt"],
  ["inferenceConfig", "`maxTokens`, `temperature`, `topP` or `stopSequences`"],
  ["toolConfig", "tools"],
  ["additionalModelRequestFields", "`reasoning` or fields of the model's own"]
]

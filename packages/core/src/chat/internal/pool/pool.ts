/** A pool of chat services; `ChatService.withPool` says how it chooses between them. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import * as Check from "../../../Check.ts"
import { defined } from "../../../internal/defined.ts"
import * as Watchdog from "../../../internal/watchdog.ts"
import * as Lane from "../../../policy/internal/lane.ts"
import * as Dispatch from "../../../policy/internal/pool/dispatch.ts"
import * as Lanes from "../../../policy/internal/pool/lanes.ts"
import type * as Pool from "../../../policy/Pool.ts"
import * as ProviderError from "../../../ProviderError.ts"
import * as Chat from "../../Chat.ts"
import type * as ChatRequest from "../../ChatRequest.ts"
import type * as ChatResponse from "../../ChatResponse.ts"
import * as OpenStream from "../openStream.ts"
import * as ChatValidation from "../validation.ts"
import * as Prompts from "./prompts.ts"

/** The layer of a pool; each argument may be any value. */
export const layer = (
  lanes: Pool.Lanes<Chat.ChatService>,
  options?: Pool.Options
): Layer.Layer<Chat.ChatService, unknown, unknown> =>
  Lanes.layer(
    { tag: Chat.ChatService, cored: Chat.cored },
    lanes,
    options,
    (members, options) => Effect.succeed(make(members, options))
  )

type Member = Lanes.Member<Chat.Chat>

const make = (members: Lanes.Members<Chat.Chat>, options: Pool.Options): Chat.Chat => {
  const dispatch = Dispatch.make(members, options)
  const prompts = Prompts.make()

  /** A request, and how it differs for each lane: only the model does. */
  const prepared = Effect.fnUntraced(function*(given: ChatRequest.ChatRequest) {
    const request = yield* ChatValidation.settle(provider, given)
    const { model, ...rest } = request
    const models = new Map<Member, string | undefined>()
    for (const member of members) models.set(member, yield* renamed(options, model, member.name))
    const prefixes = Prompts.prefixesOf(request)
    const cached = prefixes.length === 0 ? undefined : prompts.find(prefixes, yield* Watchdog.now)
    const clock = yield* Clock.Clock
    return {
      wish: {
        modelOf: (lane: Member) => models.get(lane),
        cached: ({ name }: Member) => cached?.lane === name ? cached.share : 0
      },
      requestOf: (lane: Member): ChatRequest.ChatRequest =>
        model === models.get(lane) ? request : { ...rest, ...defined({ model: models.get(lane) }) },
      told: <O extends ChatResponse.Outcome>(lane: Member, outcome: O): O => {
        prompts.learn(prefixes, lane.name, outcome, Watchdog.monotonicMillis(clock))
        return inLane(lane, outcome)
      }
    }
  })

  return {
    generate: Effect.fnUntraced(function*(given) {
      const { requestOf, told, wish } = yield* prepared(given)
      const { answer, lane } = yield* dispatch(wish, (lane) => lane.service.generate(requestOf(lane)))
      return told(lane, answer)
    }),
    stream: (given) =>
      Stream.unwrap(Effect.gen(function*() {
        const scope = yield* Effect.scope
        const { requestOf, told, wish } = yield* prepared(given)
        const { answer, broke, lane } = yield* dispatch(wish, (lane) => {
          const events = lane.service.stream(requestOf(lane))
          // The rest of it is read by the caller, outside of the lane.
          return Effect.flatMap(Lane.Lane, (name) =>
            OpenStream.open(Stream.updateService(events, Lane.Lane, () => name), scope))
        })
        return Stream.map(answer, (event) =>
          event.type === "finish" ? told(lane, event) : event).pipe(
            // The lane learns why, though the call cannot go on elsewhere.
            Stream.tapError((error) =>
              error._tag === "StreamInterruptedError" && ProviderError.isProviderError(error.cause)
                ? broke(error.cause)
                : Effect.void
            )
          )
      }))
  }
}

const provider = "strata"

const renamed = ({ model: rename }: Pool.Options, model: string | undefined, lane: string) =>
  model === undefined || rename === undefined ? Effect.succeed(model) : Effect.flatMap(
    Effect.try({
      try: (): unknown => rename(model, lane),
      catch: (cause) => Check.threw({ provider, model }, "pool.model", cause)
    }),
    (given) => Check.run(name, given, { provider, model, field: "pool.model" })
  )

const name = Check.optional(Check.filled)

const inLane = <O extends ChatResponse.Outcome>({ name }: Member, outcome: O): O => ({
  ...outcome,
  lane: outcome.lane === undefined ? name : Lane.within(name, outcome.lane)
})

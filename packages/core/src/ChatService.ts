/**
 * Asks a chat model.
 *
 * A provider hands {@link make} the smallest thing it knows, how to send one request, and gets back a service that
 * checks requests before any network, applies the policy and reports what it does.
 */
import * as Arr from "effect/Array"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import * as Layer from "effect/Layer"
import * as Pull from "effect/Pull"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as ChatEvent from "./ChatEvent.ts"
import * as ChatRequest from "./ChatRequest.ts"
import type * as ChatResponse from "./ChatResponse.ts"
import * as ChatMetering from "./internal/chatMetering.ts"
import * as ChatOutcome from "./internal/chatOutcome.ts"
import * as ChatTelemetry from "./internal/chatTelemetry.ts"
import * as ChatValidation from "./internal/chatValidation.ts"
import * as Enforcement from "./policy/Enforcement.ts"
import * as Policy from "./policy/Policy.ts"
import * as ProviderError from "./ProviderError.ts"
import * as StructuredOutput from "./StructuredOutput.ts"
import type * as Telemetry from "./Telemetry.ts"

/** Any failure of a chat call. */
export type ChatError = ProviderError.ProviderError

/**
 * The chat service.
 *
 * - `generate`: the whole answer at once.
 * - `stream`: the answer as the model writes it; ends with exactly one `finish` event, or fails.
 */
export class ChatService extends Context.Service<ChatService, {
  readonly generate: (request: ChatRequest.ChatRequest) => Effect.Effect<ChatResponse.ChatResponse, ChatError>
  readonly stream: (request: ChatRequest.ChatRequest) => Stream.Stream<ChatEvent.ChatEvent, ChatError>
}>()("@strata/core/ChatService") {}

/**
 * What a provider knows.
 *
 * - `provider`: its name in errors and telemetry, as OpenTelemetry spells it (`aws.bedrock`).
 * - `defaultModel`: asked when the request names none.
 * - `generate`, `stream`: one attempt, nothing repeated; the stream ends with `finish` or fails, and closes its
 *   connection when its scope closes.
 * - `metering`: what it knows about its quotas.
 */
export interface Provider {
  readonly provider: string
  readonly defaultModel?: string | undefined
  readonly generate: (request: ChatRequest.Resolved) => Effect.Effect<ChatResponse.ChatResponse, ChatError>
  readonly stream: (request: ChatRequest.Resolved) => Stream.Stream<ChatEvent.ChatEvent, ChatError>
  readonly policy?: Policy.Policy | undefined
  readonly metering?: ChatMetering.Metering | undefined
}

/** Builds the service of a provider. */
export const make = (provider: Provider): Effect.Effect<ChatService["Service"], never, Scope.Scope> =>
  Effect.gen(function*() {
    const enforcement = yield* Enforcement.make(provider.policy ?? Policy.standard)
    const outcome = yield* ChatOutcome.make(provider.provider)
    const resolve = (request: ChatRequest.ChatRequest) => ChatValidation.resolve(provider, request)
    const target = (request: ChatRequest.Resolved): Telemetry.Target => ({
      operation: "chat",
      provider: provider.provider,
      model: request.model,
      scope: provider.metering?.scope?.(request.model)
    })
    const service = ChatService.of({
      generate: (request) =>
        Effect.flatMap(resolve(request), (resolved) =>
          ChatTelemetry.generate(
            target(resolved),
            resolved,
            enforcement.call(
              Effect.map(Effect.suspend(() => provider.generate(resolved)), outcome),
              target(resolved),
              ChatMetering.make(provider.metering, resolved)
            )
          )),
      stream: (request) =>
        Stream.unwrap(Effect.map(resolve(request), (resolved) =>
          ChatTelemetry.stream(
            target(resolved),
            resolved,
            enforcement.stream(
              Stream.map(
                complete(provider, resolved),
                (event) => event.type === "finish" ? outcome(event) : event
              ),
              target(resolved),
              ChatMetering.make(provider.metering, resolved)
            )
          )))
    })
    rebuild.set(service, (policy) => make({ ...provider, policy }))
    return service
  })

/** The whole answer. */
export const generate = (
  input: ChatRequest.Input
): Effect.Effect<ChatResponse.ChatResponse, ChatError, ChatService> =>
  Effect.flatMap(ChatService, (service) => service.generate(ChatRequest.make(input)))

/** The text of the answer. */
export const text = (input: ChatRequest.Input): Effect.Effect<string, ChatError, ChatService> =>
  Effect.map(generate(input), (response) => response.text)

/** The answer as the model writes it. */
export const stream = (
  input: ChatRequest.Input
): Stream.Stream<ChatEvent.ChatEvent, ChatError, ChatService> =>
  Stream.unwrap(Effect.map(ChatService, (service) => service.stream(ChatRequest.make(input))))

/** The text of the answer as the model writes it. */
export const textStream = (input: ChatRequest.Input): Stream.Stream<string, ChatError, ChatService> =>
  Stream.map(
    Stream.filter(stream(input), (event) => event.type === "text-delta"),
    (event) => event.delta
  )

/**
 * An answer that is a value of a schema. The answer itself comes along: its `usage`, its `message` for the history.
 *
 * The model is asked for JSON that fits the schema, and what it writes is decoded with all the schema's checks. With
 * `repairs` it is asked again when it did not fit. Fails with `StructuredOutputError` when it still does not, or when
 * the answer was cut or withheld, and with `InvalidRequestError` when the schema has no JSON form.
 *
 * @example
 * const Recipe = Schema.Struct({ title: Schema.String, minutes: Schema.Int, steps: Schema.Array(Schema.String) })
 *
 * const { value, usage } = yield* ChatService.object(Recipe, "A quick soup, please", { repairs: 1 })
 */
export const object = <S extends StructuredOutput.AnySchema>(
  schema: S,
  input: ChatRequest.Input,
  options?: StructuredOutput.Options
): Effect.Effect<StructuredOutput.ObjectResponse<S["Type"]>, ChatError, ChatService | S["DecodingServices"]> =>
  Effect.flatMap(ChatService, (service) => StructuredOutput.generate(service, schema, input, options)).pipe(
    Effect.withSpan("ChatService.object")
  )

/**
 * A value of a schema as the model writes it: `partial` events with what there is of it, then one `object` event with the
 * decoded value and the answer. Fails as {@link object} does; nothing is repaired.
 *
 * @example
 * ChatService.objectStream(Recipe, "A quick soup, please").pipe(
 *   Stream.tap((event) => event.type === "partial" ? render(event.value.steps ?? []) : save(event.value)),
 *   Stream.runDrain
 * )
 */
export const objectStream = <S extends StructuredOutput.AnySchema>(
  schema: S,
  input: ChatRequest.Input,
  options?: StructuredOutput.FormatOptions
): Stream.Stream<
  StructuredOutput.ObjectEvent<S["Type"], S["Encoded"]>,
  ChatError,
  ChatService | S["DecodingServices"]
> =>
  Stream.unwrap(Effect.map(ChatService, (service) => StructuredOutput.stream(service, schema, input, options))).pipe(
    Stream.withSpan("ChatService.objectStream")
  )

/**
 * Replaces the policy of a service.
 *
 * A service that `make` did not build keeps whatever it does itself and gets this policy on top.
 *
 * @example
 * BedrockChat.layer({ model }).pipe(ChatService.withPolicy(Policy.make({ concurrency: 8 })))
 */
export const withPolicy: {
  (policy: Policy.Policy): <E, R>(self: Layer.Layer<ChatService, E, R>) => Layer.Layer<ChatService, E, R>
  <E, R>(self: Layer.Layer<ChatService, E, R>, policy: Policy.Policy): Layer.Layer<ChatService, E, R>
} = dual(
  2,
  <E, R>(self: Layer.Layer<ChatService, E, R>, policy: Policy.Policy): Layer.Layer<ChatService, E, R> =>
    Layer.effect(
      ChatService,
      Effect.flatMap(ChatService, (service) => rebuild.get(service)?.(policy) ?? enforce(service, policy))
    ).pipe(Layer.provide(self))
)

/**
 * Holds a provider to its word: nothing comes after `finish`, and no stream ends without it.
 *
 * What the provider still has to say after `finish` is read and dropped, for a moment at most: a connection whose answer
 * was not read to its end cannot be used again.
 */
const complete = (provider: Provider, request: ChatRequest.Resolved) =>
  Stream.transformPull(
    Stream.suspend(() => provider.stream(request)),
    (pull) =>
      Effect.sync(() => {
        let finished = false
        const rest = Effect.ignoreCause(Effect.timeoutOption(Effect.forever(pull), "1 second"))
        const next: Pull.Pull<Arr.NonEmptyReadonlyArray<ChatEvent.ChatEvent>, ChatError> = Effect.map(
          pull,
          (events) => {
            const end = events.findIndex((event) => event.type === "finish")
            finished = end >= 0
            const kept = events.slice(0, end + 1)
            return Arr.isReadonlyArrayNonEmpty(kept) ? kept : events
          }
        ).pipe(
          Pull.catchDone(() =>
            Effect.fail(
              new ProviderError.ConnectionError({
                provider: provider.provider,
                model: request.model,
                message: "The stream ended before the answer was complete"
              })
            )
          )
        )
        return Effect.suspend(() => finished ? Effect.andThen(rest, Cause.done()) : next)
      })
  )

const enforce = (
  service: ChatService["Service"],
  policy: Policy.Policy
): Effect.Effect<ChatService["Service"], never, Scope.Scope> =>
  Effect.map(Enforcement.make(policy), (enforcement) => {
    const target = (request: ChatRequest.ChatRequest) => ({
      operation: "chat" as const,
      provider: "custom",
      model: request.model ?? "unknown"
    })
    const metering = (request: ChatRequest.ChatRequest) =>
      ChatMetering.make(undefined, {
        ...request,
        model: request.model ?? "unknown",
        messages: ChatRequest.messagesOf(request)
      })
    const enforced = ChatService.of({
      generate: (request) => enforcement.call(service.generate(request), target(request), metering(request)),
      stream: (request) => enforcement.stream(service.stream(request), target(request), metering(request))
    })
    rebuild.set(enforced, (policy) => enforce(service, policy))
    return enforced
  })

const rebuild = new WeakMap<
  ChatService["Service"],
  (policy: Policy.Policy) => Effect.Effect<ChatService["Service"], never, Scope.Scope>
>()

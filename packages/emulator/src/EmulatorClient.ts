/**
 * An emulator and a client of it in one layer, for programs and tests over `BedrockClient` or any other client.
 *
 * The client is made by a function, so this package depends on none.
 */
import type * as ChatService from "@strata/core/chat/ChatService"
import * as Check from "@strata/core/Check"
import type * as EmbeddingService from "@strata/core/embedding/EmbeddingService"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Emulator from "./Emulator.ts"
import * as Script from "./script/Script.ts"

/**
 * Makes the layer of a client from what it needs to reach the emulator; the second argument is the emulator itself, with
 * the addresses and keys of OpenAI's dialect. `BedrockClient.layer` of `@strata/bedrock` is such a function.
 */
export type MakeClient<A, E = never, R = never> = (
  client: Emulator.ClientOptions,
  emulator: Emulator.Emulator["Service"]
) => Layer.Layer<A, E, R>

/**
 * An emulator with scripted answers, and a client of it. `Layer.provideMerge` in place of `Layer.provide` keeps the
 * emulator in reach of the program, to inject faults and read statistics.
 *
 * Fails as `Emulator.make` does, as the client does, and with an `EmulatorError` when `client` throws or returns no layer.
 *
 * @example
 * const Chat = BedrockChat.layer({ model: "us.amazon.nova-lite-v1:0" }).pipe(
 *   Layer.provide(EmulatorClient.layerScript(["Hello", "Good bye"], BedrockClient.layer))
 * )
 *
 * const OpenAi = EmulatorClient.layerScript(
 *   ["Hello"],
 *   (_, { openai: { apiKey, baseUrl } }) => OpenAiClient.layer({ apiKey, baseUrl })
 * )
 */
export const layerScript = <A, E, R>(
  script: Script.Script,
  client: MakeClient<A, E, R>,
  options?: Emulator.Options
): Layer.Layer<A | Emulator.Emulator, E | Emulator.EmulatorError, R> =>
  Layer.provideMerge(connect(client), Script.layerEmulator(script, options))

/**
 * {@link layerScript}, answered by the services in context.
 *
 * @example
 * const Client = EmulatorClient.layer(BedrockClient.layer, { faults: [{ type: "throttle", times: 2 }] }).pipe(
 *   Layer.provide([ExtractiveChat.layer(), LocalEmbedding.layer()])
 * )
 */
export const layer = <A, E, R>(
  client: MakeClient<A, E, R>,
  options?: Emulator.Options
): Layer.Layer<
  A | Emulator.Emulator,
  E | Emulator.EmulatorError,
  R | ChatService.ChatService | EmbeddingService.EmbeddingService
> => Layer.provideMerge(connect(client), Emulator.layer(options))

/** A client of the emulator in context, for several clients of one emulator. */
export const connect = <A, E, R>(
  client: MakeClient<A, E, R>
): Layer.Layer<A, E | Emulator.EmulatorError, R | Emulator.Emulator> =>
  Layer.unwrap(
    Effect.flatMap(Emulator.Emulator, (emulator) =>
      Effect.try({
        try: () => client(emulator.client, emulator),
        catch: notMade
      }).pipe(
        Effect.filterOrFail(isLayer, notMade)
      ))
  )

/** Types are not there at run time: what was returned may be any value. */
const isLayer = (made: unknown): boolean => Check.holds(Layer.isLayer, made)

const notMade = (cause: unknown) =>
  new Emulator.EmulatorError({ message: "client: Expected a function that returns a layer", cause })

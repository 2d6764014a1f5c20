/** The command in this process, answered by test doubles. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import type { ChatService, EmbeddingService } from "@strata/core"
import { TestChat, TestEmbedding } from "@strata/core/testing"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stdio from "effect/Stdio"
import * as Stream from "effect/Stream"
import * as Run from "../../src/process/Run.ts"
import * as Shutdown from "../../src/process/Shutdown.ts"
import * as Streams from "../../src/process/Streams.ts"
import * as Provider from "../../src/provider/Provider.ts"

/** What a run wrote, and its exit code. */
export interface Ended {
  readonly code: number
  readonly out: string
  readonly error: string
}

/**
 * - `input`: standard input; `terminal`: whether lines can be redrawn. `services`: who answers.
 * - `closesAfter`: how many writes the reader of standard output takes.
 */
export interface Options {
  readonly input?: Stream.Stream<Uint8Array> | undefined
  readonly env?: Readonly<Record<string, string>> | undefined
  readonly services?: Layer.Layer<ChatService.ChatService | EmbeddingService.EmbeddingService, never> | undefined
  readonly control?: Shutdown.Control | undefined
  readonly terminal?: boolean | undefined
  readonly closesAfter?: number | undefined
}

/** Services that answer every question with a text. */
export const answering = (
  script: TestChat.Script
): Layer.Layer<ChatService.ChatService | EmbeddingService.EmbeddingService> =>
  Layer.merge(TestChat.layer(script, { model: "test" }), TestEmbedding.layer()).pipe(Layer.orDie)

/** Runs the command. */
export const run = Effect.fnUntraced(function*(args: ReadonlyArray<string>, options: Options = {}) {
  const { env = {}, input = Stream.empty, services = answering(() => "Hi"), terminal = false } = options
  const control = options.control ?? (yield* Shutdown.make)
  let [out, error] = ["", ""]
  let writes = 0
  const streams: Streams.Streams["Service"] = {
    out: (text) =>
      Effect.suspend(() => {
        if (writes++ >= (options.closesAfter ?? Infinity)) return Effect.fail(new Streams.OutputClosed({}))
        out += text
        return Effect.void
      }),
    error: (text) => Effect.sync(() => void (error += text)),
    isRedrawable: terminal,
    columns: Effect.succeed(120)
  }
  const stdio = Layer.unwrap(
    Effect.map(
      Stdio.Stdio,
      (stdio) =>
        Layer.succeed(Stdio.Stdio, Stdio.make({ ...stdio, stdin: input, stdinIsTerminal: Effect.succeed(terminal) }))
    )
  )
  const code = yield* Run.run(args, { control, version: "1.2.3" }).pipe(
    Effect.provideService(Streams.Streams, streams),
    Effect.provideService(Provider.Sources, { local: () => services, bedrock: () => services }),
    Effect.provide(Layer.provideMerge(
      Layer.merge(stdio, ConfigProvider.layer(ConfigProvider.fromEnv({ env: { ...env } }))),
      NodeServices.layer
    ))
  )
  return { code, out, error } satisfies Ended
})

/** Standard input from a text. */
export const text = (content: string): Stream.Stream<Uint8Array> => Stream.make(new TextEncoder().encode(content))

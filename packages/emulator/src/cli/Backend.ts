/**
 * The backend of the command's emulator: an echo, the models of `@strata/local`, a script, a recording, or the service
 * while it is recorded.
 */
import * as ChatRequest from "@strata/core/chat/ChatRequest"
import type * as ChatService from "@strata/core/chat/ChatService"
import * as Message from "@strata/core/chat/Message"
import type * as EmbeddingService from "@strata/core/embedding/EmbeddingService"
import * as CliError from "effect/cli/CliError"
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import type * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Predicate from "effect/Predicate"
import * as Module from "node:module"
import * as Url from "node:url"
import * as Emulator from "../Emulator.ts"
import type * as JsonFile from "../JsonFile.ts"
import * as Recorder from "../record/Recorder.ts"
import * as Replay from "../record/Replay.ts"
import * as Script from "../script/Script.ts"

/** A backend and its options. `upstream`: Bedrock in the region of the emulator where it is missing. */
export type Backend =
  | { readonly type: "echo" | "local" }
  | { readonly type: "script" | "replay"; readonly file: string }
  | { readonly type: "record"; readonly file: string; readonly upstream: string | undefined; readonly redact: boolean }

/** A description. */
export const describe = (backend: Backend): string => {
  switch (backend.type) {
    case "echo":
      return "an echo of the prompt"
    case "local":
      return "the models of @strata/local"
    case "script":
      return `the script ${backend.file}`
    case "replay":
      return `the recording ${backend.file}`
    case "record":
      return `${backend.upstream ?? "Amazon Bedrock"}, and recorded in ${backend.file}`
  }
}

/** The services of a model on this machine. */
export type Services = Layer.Layer<
  ChatService.ChatService | EmbeddingService.EmbeddingService,
  CliError.UserError
>

/** An emulator with the backend; `local` are the services of the one by this name. */
export const layer = (
  backend: Backend,
  options: Emulator.Options,
  local: Services = Layer.unwrap(installed)
): Layer.Layer<
  Emulator.Emulator,
  Emulator.EmulatorError | JsonFile.JsonFileError | CliError.UserError,
  FileSystem.FileSystem
> => {
  switch (backend.type) {
    case "echo":
      return Layer.unwrap(Effect.sync(() => Script.layerEditable(Script.editable({ rules: [] }, echo), options)))
    case "local":
      return Emulator.layer(options).pipe(Layer.provide(local))
    case "script":
      return Layer.unwrap(Effect.map(Script.read(backend.file), (script) => Script.layerEmulator(script, options)))
    case "replay":
      return Replay.layer({ file: backend.file }, options)
    case "record":
      return Layer.unwrap(Effect.map(
        credentials,
        (credentials) => Recorder.layer({ ...backend, credentials, region: options.regions?.[0] }, options)
      ))
  }
}

/** A call that no rule of the script on the page matches. */
const echo = (request: ChatRequest.Resolved): string => {
  const last = ChatRequest.messagesOf(request).findLast(({ role }) => role === "user")
  return (last === undefined ? "" : Message.textOf(last)) || "(no text)"
}

/** The parts of `@strata/local` that the command uses, without depending on it. */
interface Local {
  readonly ExtractiveChat: {
    readonly layer: () => Layer.Layer<ChatService.ChatService, unknown, EmbeddingService.EmbeddingService>
  }
  readonly LocalEmbedding: { readonly layer: () => Layer.Layer<EmbeddingService.EmbeddingService, unknown> }
}

/** Their presence suffices: the package is versioned with this one. */
const isLocal = (module: unknown): module is Local =>
  Predicate.hasProperty(module, "ExtractiveChat") && Predicate.hasProperty(module, "LocalEmbedding")

/** Resolved from the working directory, so that a project's own copy is used. */
const installed = Effect.tryPromise({
  try: (): Promise<unknown> => {
    const { resolve } = Module.createRequire(Url.pathToFileURL(`${process.cwd()}/`))
    return import(Url.pathToFileURL(resolve("@strata/local")).href)
  },
  catch: (cause) => new CliError.UserError({ cause, userMessage: notInstalled })
}).pipe(
  Effect.filterOrFail(isLocal, (cause) => new CliError.UserError({ cause, userMessage: notInstalled })),
  Effect.map(({ ExtractiveChat, LocalEmbedding }) =>
    ExtractiveChat.layer().pipe(
      Layer.provideMerge(LocalEmbedding.layer()),
      // They fail for invalid options only, and there are none.
      Layer.orDie
    )
  )
)

const notInstalled = "--answer local needs the package @strata/local: run `npm install @strata/local` in this directory"

const credentials = Effect.mapError(
  Config.all({
    accessKeyId: Config.String("AWS_ACCESS_KEY_ID"),
    secretAccessKey: Config.Redacted("AWS_SECRET_ACCESS_KEY"),
    sessionToken: Config.Redacted("AWS_SESSION_TOKEN").pipe(Config.withDefault(undefined))
  }),
  (cause) =>
    new CliError.UserError({
      cause,
      userMessage: "--record needs AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, which are not set"
    })
)

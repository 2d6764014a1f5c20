/**
 * The server of a chat page: three routes that `useChat` of the AI SDK talks to unchanged.
 *
 * - `POST {path}`: a turn: the history of the page is answered by a tool loop, as a stream; or the loop goes on with what a
 *   person or the page answered.
 * - `GET {path}/:id/stream`: the stream of the turn that runs, from its first chunk; 204 where none runs.
 * - `DELETE {path}/:id/stream`: stops the turn.
 */
import type * as ChatRequest from "@strata/core/chat/ChatRequest"
import type * as ChatService from "@strata/core/chat/ChatService"
import type * as Message from "@strata/core/chat/Message"
import type * as ProviderError from "@strata/core/ProviderError"
import type * as Tool from "@strata/core/tool/Tool"
import type * as ToolLoop from "@strata/core/tool/ToolLoop"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as HttpRouter from "effect/http/HttpRouter"
import type * as HttpServerRequest from "effect/http/HttpServerRequest"
import type * as HttpServerResponse from "effect/http/HttpServerResponse"
import type * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as ChatServer from "./internal/chatServer.ts"
import type * as UiMessage from "./UiMessage.ts"
import type * as UiRuns from "./UiRuns.ts"
import type * as UiStream from "./UiStream.ts"

/**
 * A turn before it is answered.
 *
 * - `chatId`: as the page names it; `key`: of {@link Options}. `messageId`: of the answer.
 * - `uiMessages`: what the page sent; `messages`: the same as a history. Nothing in them is proved.
 * - `isContinuation`: the answer goes on with the last message, to which the page added the result of a tool.
 * - `body`: the whole body, with fields of your own; `request`: for its headers and cookies.
 */
export interface Turn {
  readonly chatId: string
  readonly key: string
  readonly messageId: string
  readonly isContinuation: boolean
  readonly uiMessages: ReadonlyArray<UiMessage.UiMessage>
  readonly messages: ReadonlyArray<Message.Message>
  readonly body: { readonly [key: string]: unknown }
  readonly request: HttpServerRequest.HttpServerRequest
}

/**
 * How a turn ended.
 *
 * - `status`: `finished`, also when calls wait; `aborted` by the stop call, by the last reader that left, or by the end of the
 *   server, as `reason` says; `failed` with `error`.
 * - `message`: the answer as the page has it, whole or partial. `messages`: the conversation with it, to store.
 * - `outcome`: of the loop, where it has one.
 */
export interface Ended {
  readonly status: "finished" | "aborted" | "failed"
  readonly chatId: string
  readonly key: string
  readonly message: UiMessage.UiMessage
  readonly messages: ReadonlyArray<UiMessage.UiMessage>
  readonly outcome?: ToolLoop.Outcome | undefined
  readonly reason?: "stopped" | "left" | "shutdown" | undefined
  readonly error?: unknown
}

/** A failure: the text the user reads has its `id`. `chatId` is missing where the body of the request was not read. */
export interface Failure {
  readonly id: string
  readonly error: unknown
  readonly chatId?: string | undefined
}

/**
 * - `tools`: of the loop; those without a handler are run by the page. `maxSteps`, `concurrency`: as in `ToolLoop`.
 * - `request`: the request of a turn, with a system prompt, model and `maxTokens`; the history alone when missing. Store the
 *   message of the user here: the model has not been asked yet. Not called when a loop is resumed: it has its request.
 * - `key`: who may use a conversation: the key under which the server knows it, such as the user and the id of the page. It
 *   fails for a stranger, best with an error that is an `HttpServerRespondable`. The id alone when missing: then the page
 *   chooses what it reads.
 * - `files`: which files a page may send; see `UiMessage.Options`.
 * - `whenReadersLeave`: `stop` (when missing) ends a turn without readers, which is what the stop button of `useChat` does by
 *   itself; `continue` lets it run for `useChat({ resume: true })`, and only the `DELETE` stops it.
 * - `reasoning`, `metadata`: as in `UiStream`.
 * - `errorText`: what the user reads of a failure; a sentence by kind of error, with its id, when missing.
 * - `onError`: gets each failure of the server; logs it when missing.
 * - `onEnd`: runs once for each turn, before its end is sent: store the answer here. Its defects are logged.
 *
 * Limits: `answersWithin` (a day) for waiting calls, `heartbeat` (15 seconds) between comments in a silent stream,
 * `statusWithin` (5 seconds) in which a failure is a status and not a chunk, `maxBodySize` (20 MiB), `maxAnswerSize`
 * (32 Mi characters) and `maxTurns` (1,000) at once.
 */
export interface Options<
  Tools extends ReadonlyArray<Tool.Any>,
  R1 = never,
  R2 = never,
  R3 = never,
  R4 = never
> {
  readonly tools?: Tools | undefined
  readonly maxSteps?: number | undefined
  readonly concurrency?: number | undefined
  readonly request?: ((turn: Turn) => Effect.Effect<ChatRequest.Input, unknown, R1>) | undefined
  readonly key?:
    | ((chatId: string, request: HttpServerRequest.HttpServerRequest) => Effect.Effect<string, unknown, R2>)
    | undefined
  readonly files?: UiMessage.Options | undefined
  readonly whenReadersLeave?: "stop" | "continue" | undefined
  readonly reasoning?: boolean | undefined
  readonly metadata?: ((spent: UiStream.Spent) => unknown) | undefined
  readonly errorText?: ((error: unknown, id: string) => string) | undefined
  readonly onError?: ((failure: Failure) => Effect.Effect<void, never, R3>) | undefined
  readonly onEnd?: ((ended: Ended) => Effect.Effect<void, never, R4>) | undefined
  readonly answersWithin?: Duration.Input | undefined
  readonly heartbeat?: Duration.Input | undefined
  readonly statusWithin?: Duration.Input | undefined
  readonly maxBodySize?: number | undefined
  readonly maxAnswerSize?: number | undefined
  readonly maxTurns?: number | undefined
}

type Response = Effect.Effect<
  HttpServerResponse.HttpServerResponse,
  never,
  HttpServerRequest.HttpServerRequest | Scope.Scope
>

/** The three routes as effects, for other routers. None of them fails: a failure is a response. */
export interface UiChat {
  readonly send: Response
  readonly resume: (chatId: string) => Response
  readonly stop: (chatId: string) => Response
}

/**
 * Makes the server of a page. Its turns end with the scope. Fails with an `InvalidRequestError` for invalid options.
 */
export const make = <
  const Tools extends ReadonlyArray<Tool.Any> = readonly [],
  R1 = never,
  R2 = never,
  R3 = never,
  R4 = never
>(
  options?: Options<Tools, R1, R2, R3, R4>
): Effect.Effect<
  UiChat,
  ProviderError.InvalidRequestError,
  ChatService.ChatService | UiRuns.UiRuns | Tool.Services<Tools[number]> | R1 | R2 | R3 | R4 | Scope.Scope
> => ChatServer.make(options)

/**
 * Adds the routes to an `HttpRouter`; `path` is `/api/chat` when missing, as in `useChat`.
 *
 * @example
 * const Server = UiChat.layer({
 *   tools: [weather],
 *   request: ({ messages }) => Effect.succeed({ messages: [Message.system("Be brief."), ...messages], maxTokens: 1000 })
 * }).pipe(
 *   HttpRouter.serve,
 *   Layer.provide([UiRuns.layerMemory(), BedrockChat.layer({ model }), NodeHttpServer.layer(createServer, { port: 3000 })])
 * )
 */
export const layer = <
  const Tools extends ReadonlyArray<Tool.Any> = readonly [],
  R1 = never,
  R2 = never,
  R3 = never,
  R4 = never
>(
  options?: Options<Tools, R1, R2, R3, R4> & { readonly path?: `/${string}` | undefined }
): Layer.Layer<
  never,
  ProviderError.InvalidRequestError,
  | HttpRouter.HttpRouter
  | ChatService.ChatService
  | UiRuns.UiRuns
  | Exclude<Tool.Services<Tools[number]> | R1 | R2 | R3 | R4, Scope.Scope>
> =>
  HttpRouter.use((router) =>
    Effect.gen(function*() {
      const { path = "/api/chat", ...rest } = options ?? {}
      const chat = yield* make<Tools, R1, R2, R3, R4>(rest)
      const withId = (handler: (chatId: string) => Response) =>
        Effect.flatMap(HttpRouter.params, ({ id = "" }) => handler(id))
      yield* router.add("POST", path, chat.send)
      yield* router.add("GET", `${path}/:id/stream`, withId(chat.resume))
      yield* router.add("DELETE", `${path}/:id/stream`, withId(chat.stop))
    })
  )

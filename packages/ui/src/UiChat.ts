/**
 * The server of a chat page: three routes that `useChat` of the AI SDK talks to unchanged.
 *
 * - `POST {path}`: a turn: the history of the page is answered by a tool loop, as a stream; or the loop goes on with what a
 *   person or the page answered.
 * - `GET {path}/:id/stream`: the stream of the turn that runs, from its first chunk; 204 where none runs.
 * - `DELETE {path}/:id/stream`: stops the turn.
 */
import type * as ChatService from "@strata/core/chat/ChatService"
import * as Check from "@strata/core/Check"
import type * as ProviderError from "@strata/core/ProviderError"
import type * as Tool from "@strata/core/tool/Tool"
import * as Effect from "effect/Effect"
import * as HttpRouter from "effect/http/HttpRouter"
import type * as HttpServerRequest from "effect/http/HttpServerRequest"
import type * as HttpServerResponse from "effect/http/HttpServerResponse"
import type * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as ChatServer from "./internal/chatServer.ts"
import type { Options } from "./UiChatOptions.ts"
import type * as UiRuns from "./UiRuns.ts"

export * from "./UiChatOptions.ts"

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
 * Adds the routes to an `HttpRouter`; `path` is `/api/chat` when missing, as in `useChat`. Fails with
 * `InvalidRequestError` for invalid options.
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
      const { path: given = "/api/chat", ...rest } = Check.fieldsOf(options)
      const path = yield* Check.run(route, given, { provider: "strata", field: "path" })
      // `make` checks them.
      const chat = yield* make(rest as Options<Tools, R1, R2, R3, R4>)
      const withId = (handler: (chatId: string) => Response) =>
        Effect.flatMap(HttpRouter.params, ({ id = "" }) => handler(id))
      yield* router.add("POST", path, chat.send)
      yield* router.add("GET", `${path}/:id/stream`, withId(chat.resume))
      yield* router.add("DELETE", `${path}/:id/stream`, withId(chat.stop))
    })
  )

const route: Check.Check<`/${string}`> = (given, at) =>
  typeof given === "string" && /^(\/[\w.~-]+)+$/.test(given)
    ? given as `/${string}` // it begins with one
    : typeof given === "string"
    ? Check.refuse(at, "it is not the path of a route", "Use a path such as /api/chat")
    : Check.refuseKind(at, given, "Use a path such as /api/chat")

/** A chat server on a port of this machine. */
import { NodeHttpServer } from "@effect/platform-node"
import type { ChatService, Tool } from "@strata/core"
import { UiChat, UiRuns } from "@strata/ui"
import { Context, Effect, Layer } from "effect"
import { HttpRouter, HttpServer } from "effect/http"
import { createServer } from "node:http"

/** Starts a server in the scope; gives the URL of its chat. */
export const start = Effect.fnUntraced(function*<Tools extends ReadonlyArray<Tool.Any>>(
  chat: Layer.Layer<ChatService.ChatService, unknown>,
  options?: UiChat.Options<Tools>,
  runs: Layer.Layer<UiRuns.UiRuns> = UiRuns.layerMemory()
) {
  // The requirements of tools of tests are none.
  const routes = UiChat.layer(options) as Layer.Layer<
    never,
    never,
    HttpRouter.HttpRouter | ChatService.ChatService | UiRuns.UiRuns
  >
  const context = yield* Layer.build(
    HttpRouter.serve(routes, { disableLogger: true, disableListenLog: true }).pipe(
      Layer.provide([chat, runs]),
      Layer.provideMerge(NodeHttpServer.layer(createServer, { port: 0, host: "127.0.0.1" }))
    )
  )
  const { address } = Context.get(context, HttpServer.HttpServer)
  return `http://127.0.0.1:${"port" in address ? address.port : 0}/api/chat`
})

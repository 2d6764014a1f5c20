/** A chat server on a port of this machine. */
import { NodeHttpServer } from "@effect/platform-node"
import type { ChatService, Tool } from "@strata/core"
import { UiChat, UiRuns } from "@strata/ui"
import { Context, Effect, Layer } from "effect"
import { HttpRouter, HttpServer } from "effect/http"
import { createServer } from "node:http"
import { connect, createServer as createNetServer, type Server as Net, type Socket } from "node:net"

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
      Layer.provideMerge(
        NodeHttpServer.layer(createServer, { port: 0, host: "127.0.0.1", gracefulShutdownTimeout: "50 millis" })
      )
    )
  )
  const { address } = Context.get(context, HttpServer.HttpServer)
  return `http://127.0.0.1:${"port" in address ? address.port : 0}/api/chat`
})

/** A proxy in front of a server, whose connections can be cut as a network cuts them. */
export const breaking = Effect.fnUntraced(function*(api: string) {
  const { pathname, port } = new URL(api)
  const sockets = new Set<Socket>()
  const proxy = yield* Effect.acquireRelease(
    Effect.callback<Net>((resume) => {
      const net = createNetServer((socket) => {
        const target = connect(Number(port), "127.0.0.1")
        for (const end of [socket, target]) {
          sockets.add(end)
          end.on("error", () => {})
          end.on("close", () => {
            socket.destroy()
            target.destroy()
          })
        }
        socket.pipe(target)
        target.pipe(socket)
      })
      net.listen(0, "127.0.0.1", () => resume(Effect.succeed(net)))
    }),
    (net) =>
      Effect.sync(() => {
        for (const socket of sockets) socket.destroy()
        net.close()
      })
  )
  const address = proxy.address()
  return {
    api: `http://127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}${pathname}`,
    cut: () => {
      for (const socket of sockets) socket.resetAndDestroy()
    }
  }
})

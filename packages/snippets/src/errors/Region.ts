/**
 * Bedrock in us-east-1, as far as a client can tell: requests to the host names of AWS go through a tunnel to an emulator, so
 * that messages name the region.
 */
import { BedrockClient } from "@strata/bedrock"
import { Emulator, type Script, Script as Scripts, SelfSigned } from "@strata/emulator"
import { Effect, Layer } from "effect"
import * as Http from "node:http"
import * as Net from "node:net"

export const region = "us-east-1"

/** The emulator and a client of it. `options` are added to those of the client. */
export const layer = (
  script: Script.Script = ["The sky is blue."],
  options?: BedrockClient.Options,
  emulated?: Emulator.Options
) =>
  Layer.unwrap(Effect.gen(function*() {
    const { authority, certificate, key } = yield* SelfSigned.make([`bedrock-runtime.${region}.amazonaws.com`])
    const emulator = Scripts.layerEmulator(script, { ...emulated, region, tls: { certificate, key } })
    const client = Layer.unwrap(Effect.gen(function*() {
      const { client: { credentials }, url } = yield* Emulator.Emulator
      const proxy = yield* tunnel(Number(new URL(url).port))
      return BedrockClient.layer({ region, credentials, transport: { proxy, ca: authority }, ...options })
    }))
    return Layer.provideMerge(client, emulator)
  }))

/** A proxy whose tunnels all lead to a port of this machine. */
const tunnel = (port: number) =>
  Effect.map(
    Effect.acquireRelease(
      Effect.callback<Http.Server>((resume) => {
        const server = Http.createServer()
        server.on("connect", (_request, client: Net.Socket, head: Buffer) => {
          const upstream = Net.connect(port, "127.0.0.1", () => {
            client.write("HTTP/1.1 200 OK\r\n\r\n")
            upstream.write(head)
            upstream.pipe(client).pipe(upstream)
          })
          for (const socket of [client, upstream]) {
            socket.on("error", () => {
              client.destroy()
              upstream.destroy()
            })
            socket.on("close", () => {
              client.destroy()
              upstream.destroy()
            })
          }
          open.add(client).add(upstream)
        })
        const open = new Set<Net.Socket>()
        server.on("close", () => open.forEach((socket) => socket.destroy()))
        server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
      }),
      (server) =>
        Effect.sync(() => {
          server.close()
          server.closeAllConnections()
          server.emit("close")
        })
    ),
    (server) => `http://127.0.0.1:${(server.address() as Net.AddressInfo).port}`
  )

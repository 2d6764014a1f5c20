/** A proxy on 127.0.0.1, as companies have them: tunnels by CONNECT, and requests in clear text addressed to it. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Net from "node:net"
import * as WireServer from "./WireServer.ts"

/**
 * - `asked`: the first line of each request, such as `CONNECT 127.0.0.1:443 HTTP/1.1`.
 * - `stall`: from now on nothing is forwarded, and nothing closed: a connection that died without a word; `resume` ends it
 *   for connections opened later.
 */
export interface ProxyServer {
  readonly url: string
  readonly asked: ReadonlyArray<string>
  readonly connections: () => number
  readonly stall: () => void
  readonly resume: () => void
}

/**
 * - `login`: user name and password it demands.
 * - `refuse`: the answer to every request, in place of a tunnel; `""` for none at all.
 * - `tls`: speaks TLS itself, with the certificate of `WireServer.https`.
 */
export interface Options {
  readonly login?: string
  readonly refuse?: string
  readonly tls?: boolean
}

/** Opens a proxy until the scope closes. */
export const make = ({ login, refuse, tls = false }: Options = {}): Effect.Effect<ProxyServer, never, Scope.Scope> =>
  Effect.gen(function*() {
    const asked: Array<string> = []
    let epoch = { stalled: false }

    const forward = (from: Net.Socket, to: Net.Socket) => {
      const since = epoch
      from.on("data", (bytes) => since.stalled || to.write(bytes))
      from.on("close", () => to.destroy())
      from.on("error", () => {})
    }
    const serve = (client: Net.Socket) => {
      let head = ""
      const read = (bytes: Buffer) => {
        head += bytes.toString("latin1")
        const end = head.indexOf("\r\n\r\n")
        if (end < 0) return
        client.off("data", read)
        answer(client, head.slice(0, end), Buffer.from(head.slice(end + 4), "latin1"))
      }
      client.on("data", read)
    }
    const answer = (client: Net.Socket, head: string, rest: Buffer) => {
      const [line = "", ...headers] = head.split("\r\n")
      asked.push(line)
      const given = headers.find((header) => /^proxy-authorization:/i.test(header))?.split(/: */)[1]
      if (refuse !== undefined) return void (refuse === "" || client.end(refuse))
      if (login !== undefined && given !== `Basic ${Buffer.from(login).toString("base64")}`) {
        return void client.end(
          "HTTP/1.1 407 Proxy Authentication Required\r\ncontent-type: text/html\r\n\r\n<html>login</html>"
        )
      }
      const [method = "", target = ""] = line.split(" ")
      const url = new URL(method === "CONNECT" ? `http://${target}` : target)
      const server = Net.connect(Number(url.port || 80), url.hostname, () => {
        if (method === "CONNECT") client.write("HTTP/1.1 200 Connection established\r\n\r\n")
        else {
          const own = headers.filter((header) => !/^proxy-/i.test(header))
          server.write([`${method} ${url.pathname}${url.search} HTTP/1.1`, ...own, "", ""].join("\r\n"))
        }
        server.write(rest)
        forward(client, server)
        forward(server, client)
      })
      server.on("error", () => server.bytesRead === 0 && client.end("HTTP/1.1 502 Bad Gateway\r\n\r\n"))
    }

    const { connections, url } = yield* (tls ? WireServer.tlsTcp : WireServer.tcp)(serve)
    return {
      url,
      asked,
      connections,
      stall: () => {
        epoch.stalled = true
      },
      resume: () => {
        epoch = { stalled: false }
      }
    }
  })

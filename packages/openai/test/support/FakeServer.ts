/**
 * A server on 127.0.0.1 that plays given bytes and records what it is asked.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"

/**
 * - `body`: the whole of it, or its pieces, each of which is sent by itself.
 * - `end`: what happens after it: the end, nothing (`hold`), or the loss of the connection (`cut`).
 */
export interface Reply {
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body: string | Uint8Array | ReadonlyArray<string | Uint8Array>
  readonly end?: "end" | "hold" | "cut"
}

export interface Received {
  readonly path: string
  readonly headers: Readonly<Record<string, string | ReadonlyArray<string> | undefined>>
  readonly body: any
  readonly closed: Deferred.Deferred<void>
}

export interface FakeServer {
  readonly url: string
  readonly requests: ReadonlyArray<Received>
  /** The replies to the next requests; the last one is repeated. */
  readonly reply: (...replies: ReadonlyArray<Reply>) => void
}

export const make: Effect.Effect<FakeServer, never, import("effect/Scope").Scope> = Effect.gen(function*() {
  const requests: Array<Received> = []
  let replies: ReadonlyArray<Reply> = []
  const server = createServer((request, response) => {
    const pieces: Array<Buffer> = []
    request.on("data", (piece: Buffer) => pieces.push(piece))
    request.on("end", () => {
      const text = Buffer.concat(pieces).toString()
      const closed = Deferred.makeUnsafe<void>()
      response.on("close", () => Deferred.doneUnsafe(closed, Effect.void))
      requests.push({ path: request.url ?? "", headers: request.headers, body: parse(text), closed })
      const [reply = { status: 500, body: "no reply" }, ...rest] = replies
      if (rest.length > 0) replies = rest
      play(reply)
    })
    const play = async ({ body, end = "end", headers = {}, status = 200 }: Reply) => {
      response.writeHead(status, { "content-type": "application/json", ...headers })
      for (const piece of typeof body === "string" || body instanceof Uint8Array ? [body] : body) {
        if (response.destroyed) return
        await new Promise<void>((resolve) => response.write(piece, () => setImmediate(resolve)))
      }
      if (end === "end") response.end()
      else if (end === "cut") response.destroy()
      else response.flushHeaders()
    }
  })
  yield* Effect.acquireRelease(
    Effect.promise(() => new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))),
    () =>
      Effect.sync(() => {
        server.closeAllConnections()
        server.close()
      })
  )
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    reply: (...given) => {
      replies = given
    }
  }
})

const parse = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

const streamed = { "content-type": "text/event-stream" }

/** A stream of events with this data, objects as JSON. */
export const events = (...data: ReadonlyArray<unknown>): Reply => ({
  headers: streamed,
  body: data.map((each) => `data: ${typeof each === "string" ? each : JSON.stringify(each)}\n\n`).join("")
})

/** A stream of these bytes. */
export const bytes = (body: Reply["body"], end: Reply["end"] = "end"): Reply => ({ headers: streamed, body, end })

/** JSON. */
export const json = (body: unknown, status = 200, headers: Readonly<Record<string, string>> = {}): Reply => ({
  status,
  headers,
  body: JSON.stringify(body)
})

/** A chunk with a delta. */
export const chunk = (delta: unknown, finish_reason: string | null = null, rest: object = {}) => ({
  id: "chatcmpl-1",
  object: "chat.completion.chunk",
  model: "m-2026",
  choices: [{ index: 0, delta, finish_reason }],
  ...rest
})

/** A whole answer with a message. */
export const completion = (message: object, finish_reason: string | null = "stop", rest: object = {}) => ({
  id: "chatcmpl-1",
  object: "chat.completion",
  model: "m-2026",
  choices: [{ index: 0, message: { role: "assistant", ...message }, finish_reason }],
  usage: { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 },
  ...rest
})

export const usage = { usage: { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 } }

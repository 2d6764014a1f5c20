/**
 * A Bedrock Runtime on 127.0.0.1 that costs little, so that the client is measured: it answers with bodies that are made
 * once, and checks nothing. A process of its own, started by `fork`; it is told its settings by messages.
 *
 * A distance is a proxy in front of it that delays what passes by half a round trip, and a connection by a whole one.
 */
import { EventStreamCodec } from "@smithy/eventstream-codec"
import * as Fs from "node:fs"
import * as Http from "node:http"
import * as Http2 from "node:http2"
import * as Net from "node:net"
import { answer } from "./Client.ts"

/**
 * - `latency`: of every answer, in milliseconds.
 * - `events`, `eventsPerWrite`: text deltas of a stream, and how many are written together.
 * - `refuseOnce`: the first request with each text that ends in `#0`, `#1` or `#2` is throttled.
 */
export interface Settings {
  readonly latency: number
  readonly events: number
  readonly eventsPerWrite: number
  readonly refuseOnce: boolean
}

/** What it sends when it listens. */
export interface Listening {
  readonly url: string
  /** The same over a distance. */
  readonly distant: string
}

/** What it answers to any message, once it is in force. */
export interface Counted {
  readonly requests: number
  readonly connections: number
}

const initial: Settings = { latency: 0, events: 500, eventsPerWrite: 1, refuseOnce: false }
let settings = initial
let refused = new Set<string>()
let counted = { requests: 0, connections: 0 }

const usage = { inputTokens: 20, outputTokens: 50, totalTokens: 70 }
const converse = JSON.stringify({
  output: { message: { role: "assistant", content: [{ text: answer }] } },
  stopReason: "end_turn",
  usage,
  metrics: { latencyMs: 100 }
})

const codec = new EventStreamCodec((bytes) => Buffer.from(bytes).toString(), (text) => Buffer.from(text))

const frame = (type: string, payload: object): Buffer =>
  Buffer.from(codec.encode({
    headers: Object.fromEntries(
      [[":event-type", type], [":content-type", "application/json"], [":message-type", "event"]]
        .map(([name, value]) => [name, { type: "string", value }])
    ),
    body: Buffer.from(JSON.stringify(payload))
  }))

let frames: ReadonlyArray<Buffer> = []
const writes = (): ReadonlyArray<Buffer> => {
  const all = [
    frame("messageStart", { role: "assistant" }),
    ...Array.from({ length: settings.events }, (_, index) =>
      frame("contentBlockDelta", {
        contentBlockIndex: 0,
        delta: { text: `word${index % 10} ` },
        p: "abcdefghijklmnopqrstuvwxyz".slice(0, 1 + index % 20)
      })),
    frame("contentBlockStop", { contentBlockIndex: 0 }),
    frame("messageStop", { stopReason: "end_turn" }),
    frame("metadata", { usage, metrics: { latencyMs: 100 } })
  ]
  const together = settings.eventsPerWrite
  return Array.from(
    { length: Math.ceil(all.length / together) },
    (_, index) => Buffer.concat(all.slice(index * together, (index + 1) * together))
  )
}

const vector = `[${Array.from({ length: 1024 }, (_, index) => Math.sin(index + 1).toFixed(7)).join(",")}]`
const titan = `{"embedding":${vector},"inputTextTokenCount":7}`
const cohere = (body: string): string => {
  const { embedding_types: types, texts } = JSON.parse(body)
  const vectors = `[${Array.from(texts, () => vector).join(",")}]`
  return types === undefined
    ? `{"id":"1","response_type":"embeddings_floats","texts":[],"embeddings":${vectors}}`
    : `{"id":"1","response_type":"embeddings_by_type","texts":[],"embeddings":{"float":${vectors}}}`
}

/** What the responses of HTTP/1.1 and HTTP/2 have in common. */
interface Response extends NodeJS.EventEmitter {
  readonly writeHead: (status: number, headers: Http.OutgoingHttpHeaders) => unknown
  readonly write: (piece: Uint8Array) => boolean
  readonly end: (body: string) => unknown
}

const json = (response: Response, body: string, headers: Http.OutgoingHttpHeaders = {}, status = 200) => {
  response.writeHead(status, {
    "content-type": "application/json",
    "content-length": Buffer.byteLength(body),
    "x-amzn-requestid": "00000000-0000-0000-0000-000000000000",
    ...headers
  })
  response.end(body)
}

const stream = async (response: Response) => {
  response.writeHead(200, { "content-type": "application/vnd.amazon.eventstream", "x-amzn-requestid": "0" })
  for (const piece of frames) {
    if (!response.write(piece)) await new Promise((resolve) => response.once("drain", resolve))
    // one write each, as tokens come
    else await new Promise((resolve) => setImmediate(resolve))
  }
  response.end("")
}

const respond = (path: string, body: string, response: Response) => {
  const asked = /#([0-2])(?!\d)[^#]*?"/.exec(body)
  if (settings.refuseOnce && asked !== null && !refused.has(body)) {
    refused.add(body)
    const refusal = JSON.stringify({ message: "Too many requests, please wait before trying again." })
    return json(response, refusal, { "x-amzn-errortype": "ThrottlingException" }, 429)
  }
  if (path.endsWith("/converse")) return json(response, converse)
  if (path.endsWith("/converse-stream")) return stream(response)
  return path.includes("cohere")
    ? json(response, cohere(body), { "x-amzn-bedrock-input-token-count": "7" })
    : json(response, titan, { "x-amzn-bedrock-input-token-count": "7" })
}

const listener = (request: Http.IncomingMessage | Http2.Http2ServerRequest, response: Response) => {
  counted.requests++
  const pieces: Array<Buffer> = []
  request.on("data", (piece: Buffer) => pieces.push(piece))
  request.on("end", () => {
    const body = Buffer.concat(pieces).toString()
    const path = decodeURIComponent(request.url ?? "")
    if (settings.latency === 0) respond(path, body, response)
    else setTimeout(() => respond(path, body, response), settings.latency)
  })
}

/** A client that knows that the server speaks HTTP/2 begins with its preface; the AWS SDK does by default. */
const cleartext = (): Net.Server => {
  const http1 = Http.createServer({ keepAliveTimeout: 60_000 }, listener)
  const http2 = Http2.createServer(listener)
  return Net.createServer((socket) => {
    const onReadable = () => {
      const piece: Buffer | null = socket.read()
      if (piece === null) return
      socket.off("readable", onReadable)
      socket.unshift(piece)
      const server = piece.subarray(0, 3).toString() === "PRI" ? http2 : http1
      server.emit("connection", socket)
    }
    socket.setNoDelay(true).on("readable", onReadable)
  })
}

/** Delays each piece by half of `roundTrip`, in order. */
const proxy = (target: () => number, roundTrip: number) =>
  Net.createServer((client) => {
    client.setNoDelay(true).pause()
    // a handshake of TCP takes a round trip
    setTimeout(() => {
      const upstream = Net.connect(target(), "127.0.0.1").setNoDelay(true)
      for (const [from, to] of [[client, upstream], [upstream, client]] as const) {
        const later = (f: () => void) => setTimeout(f, roundTrip / 2)
        from.on("data", (piece) => later(() => void to.write(piece)))
        from.on("end", () => later(() => void to.end()))
        from.on("error", () => later(() => void to.destroy()))
      }
      client.resume()
    }, roundTrip)
  })

const port = (server: Net.Server): number => {
  const address = server.address()
  return address !== null && typeof address === "object" ? address.port : 0
}

const listen = (server: Net.Server): Promise<void> =>
  new Promise((resolve) => server.listen(0, "127.0.0.1", 4096, () => resolve()))

const serve = async (certificate: string | undefined, key: string | undefined, roundTrip: number) => {
  const secure = certificate !== undefined && key !== undefined
  const server = secure
    ? Http2.createSecureServer(
      { cert: Fs.readFileSync(certificate), key: Fs.readFileSync(key), allowHTTP1: true },
      listener
    )
    : cleartext()
  server.on(secure ? "secureConnection" : "connection", (socket: Net.Socket) => {
    socket.setNoDelay(true)
    counted.connections++
  })
  const far = proxy(() => port(server), roundTrip)
  await Promise.all([listen(server), listen(far)])
  const scheme = secure ? "https" : "http"
  const listening: Listening = {
    url: `${scheme}://localhost:${port(server)}`,
    distant: `${scheme}://localhost:${port(far)}`
  }
  frames = writes()
  process.on("message", (message: Partial<Settings>) => {
    settings = { ...settings, ...message }
    frames = writes()
    const before: Counted = counted
    counted = { requests: 0, connections: 0 }
    refused = new Set()
    process.send?.(before)
  })
  process.on("disconnect", () => process.exit())
  process.send?.(listening)
}

const [certificate, key, roundTrip = "20"] = process.argv.slice(2)
await serve(certificate === "" ? undefined : certificate, key === "" ? undefined : key, Number(roundTrip))

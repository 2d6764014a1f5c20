/**
 * A server on 127.0.0.1 that responds with the given bytes, and keeps the requests.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Http from "node:http"
import type { Recording } from "../Recording.ts"

/** The response. */
export type Answer = Pick<Recording, "status" | "headers" | "body">

/** A received request. */
export interface Received {
  readonly path: string
  readonly headers: Http.IncomingHttpHeaders
  readonly body: Uint8Array
}

/**
 * The server.
 *
 * - `url`: such as `http://127.0.0.1:49152`.
 * - `answering`: runs an effect whose requests all get this answer, or that of their path; returns its result and the
 *   requests. One at a time.
 */
export class Wire extends Context.Service<Wire, {
  readonly url: string
  readonly answering: (
    answer: Answer | ((path: string) => Answer)
  ) => <A, E, R>(
    effect: Effect.Effect<A, E, R>
  ) => Effect.Effect<{ readonly result: A; readonly received: ReadonlyArray<Received> }, E, R>
}>()("@strata/conformance/Wire") {}

/** Starts the server; closing the scope closes it and its connections. */
export const layer: Layer.Layer<Wire> = Layer.effect(
  Wire,
  Effect.gen(function*() {
    let answerOf = (_path: string): Answer => ({ status: 500, headers: {}, body: new Uint8Array(0) })
    let received: Array<Received> = []
    const server = Http.createServer((request, response) => {
      const chunks: Array<Buffer> = []
      request.on("data", (chunk: Buffer) => chunks.push(chunk))
      request.on("end", () => {
        const path = request.url ?? ""
        const answer = answerOf(path)
        received.push({ path, headers: request.headers, body: Buffer.concat(chunks) })
        response.writeHead(answer.status, Object.fromEntries(Object.entries(answer.headers).filter(isOfTheAnswer)))
        response.end(answer.body)
      })
    })
    yield* Effect.acquireRelease(
      Effect.callback<void>((resume) => void server.listen(0, "127.0.0.1", () => resume(Effect.void))),
      () =>
        Effect.callback<void>((resume) => {
          server.close(() => resume(Effect.void))
          server.closeAllConnections()
        })
    )
    const address = server.address()
    return Wire.of({
      url: `http://127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}`,
      answering: (given) => (effect) =>
        Effect.suspend(() => {
          answerOf = typeof given === "function" ? given : () => given
          received = []
          return Effect.map(effect, (result) => ({ result, received }))
        })
    })
  })
)

/** Headers of decoding by a recorder, or of its connection, do not describe these bytes. */
const isOfTheAnswer = ([name]: readonly [string, string]): boolean => !ofTheConnection.has(name)

const ofTheConnection: ReadonlySet<string> = new Set([
  "connection",
  "content-encoding",
  "content-length",
  "date",
  "keep-alive",
  "transfer-encoding"
])

/** A program that makes one call over HTTP/2 to its argument, and never closes its client. */
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import { connect, request } from "./Client.ts"

await Effect.runPromise(
  connect({ url: process.argv[2] ?? "" }, { transport: { http2: { pingInterval: "1 minute" } } }).pipe(
    Effect.flatMap((client) => client.converse(request)),
    Scope.provide(Scope.makeUnsafe())
  )
)

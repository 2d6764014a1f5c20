/**
 * A program that makes one call over HTTP/2 to its argument, and never closes its client. Imported, it is run as a process of
 * its own.
 */
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import * as ChildProcess from "node:child_process"
import { connect, request } from "./Client.ts"
import * as WireServer from "./WireServer.ts"

/** Its exit code, once it has ended by itself. */
export const run = Effect.fnUntraced(function*(url: string, env: NodeJS.ProcessEnv = process.env) {
  const program = yield* Effect.acquireRelease(
    Effect.sync(() => ChildProcess.spawn(process.execPath, [import.meta.filename, url], { env })),
    (child) => Effect.sync(() => child.kill())
  )
  yield* WireServer.eventually(() => program.exitCode !== null)
  return program.exitCode
})

if (import.meta.main) {
  await Effect.runPromise(
    connect({ url: process.argv[2] ?? "" }, { transport: { http2: { pingInterval: "1 minute" } } }).pipe(
      Effect.flatMap((client) => client.converse(request)),
      Scope.provide(Scope.makeUnsafe())
    )
  )
}

import { assert, describe, it } from "@effect/vitest"
import { Emulator } from "@strata/emulator"
import * as Effect from "effect/Effect"
import * as Record from "effect/Record"
import { transports } from "../support/Client.ts"
import * as Faults from "./Faults.ts"
import * as FaultTable from "./FaultTable.ts"

// All of them are in FaultMatrix.long.test.ts.
Faults.suite(transports[0], ["throttle", "reset", "half", "streamException"])

describe("An exception", () => {
  it.live.each(Faults.names)(
    "of any name has its type, its name and the id of its request: %s",
    (name) =>
      Faults.bedrock(
        {},
        0,
        Effect.forEach(Record.keys(FaultTable.exceptions), (exception) =>
          Effect.scoped(Effect.gen(function*() {
            const { exit, next, struck } = yield* Faults.strike(name, { type: "exception", exception }, Faults.endless)
            assert.strictEqual(struck, 1, exception)
            const tag = FaultTable.exceptions[exception]
            // A batch that is refused for what is in it is sent again in pieces, which nobody refuses.
            const isRescued = tag === "InvalidRequestError" && FaultTable.batched.has(name)
            assert.strictEqual(Faults.outcomeOf(exit), isRescued ? "ok" : tag, exception)
            if (isRescued) return
            const error = yield* Effect.flip(exit)
            const requests = yield* Effect.flatMap(Emulator.Emulator, ({ requests }) => requests)
            assert.deepStrictEqual([error.exception, error.requestId], [exception, requests.at(-2)?.requestId])
            assert.strictEqual(next, "ok", exception)
          })))
      )
  )
})

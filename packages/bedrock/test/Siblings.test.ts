import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as BedrockClient from "../src/BedrockClient.ts"
import * as Siblings from "../src/client/siblings.ts"
import { credentials } from "./support/Client.ts"

/** A refusal as the SDK has it. */
const refusal = (name: string, message = "no") =>
  Object.assign(new Error(message), {
    name,
    $metadata: { httpStatusCode: 403 },
    $response: { headers: { date: "Thu, 01 Jan 2026 00:00:00 GMT" } }
  })

/** How a call ends that gets these refusals first, how often it was sent, and how often credentials were fetched. */
const sent = Effect.fnUntraced(function*(refusals: ReadonlyArray<Error>) {
  let fetched = 0
  const { sdk } = yield* BedrockClient.make({
    region: "us-east-1",
    credentials: Effect.sync(() => {
      fetched++
      return credentials
    })
  })
  let count = 0
  const call = Siblings.call(sdk, { who: "batch job 1", region: "us-east-1" }, () => {
    const refused = refusals[count++]
    return refused === undefined ? Promise.resolve("answer") : Promise.reject(refused)
  })
  const answer = yield* Effect.match(call, { onFailure: ({ _tag }) => _tag, onSuccess: (answer) => answer })
  return { answer, count, fetched }
})

describe("A call of another service", () => {
  it.live("is sent once more with credentials that were renewed", () =>
    Effect.gen(function*() {
      const expired = refusal("ExpiredTokenException")
      assert.deepStrictEqual(yield* sent([expired]), { answer: "answer", count: 2, fetched: 1 })
      assert.deepStrictEqual(yield* sent([expired, expired]), { answer: "AuthenticationError", count: 2, fetched: 1 })
    }))

  it.live("is sent once more when its signature had the wrong time", () =>
    Effect.gen(function*() {
      const skewed = refusal("RequestTimeTooSkewed")
      assert.deepStrictEqual(yield* sent([skewed]), { answer: "answer", count: 2, fetched: 0 })
      assert.deepStrictEqual(yield* sent([skewed, skewed]), { answer: "AuthenticationError", count: 2, fetched: 0 })
    }))

  it.live("is not sent again for any other refusal", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* sent([refusal("AccessDenied")]), {
        answer: "PermissionDeniedError",
        count: 1,
        fetched: 0
      })
    }))
})

import { assert, describe, it } from "@effect/vitest"
import * as TestChat from "@strata/core/testing/TestChat"
import * as ToolLoop from "@strata/core/tool/ToolLoop"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as TestClock from "effect/testing/TestClock"
import { asks, call } from "./ToolFixture.ts"
import { kinds, waiting } from "./ToolWaitingFixture.ts"

const key = Redacted.make("0123456789abcdef0123456789abcdef")

const otherKey = Redacted.make("fedcba9876543210fedcba9876543210")

const conversation = "conversation-1"

const state = (text = "secret text") =>
  Effect.suspend(() =>
    Effect.map(
      ToolLoop.run({ messages: [{ role: "system", content: text }, { role: "user", content: "?" }] }, {
        tools: kinds().tools
      }),
      (outcome) => waiting(outcome).state
    )
  ).pipe(Effect.provide(TestChat.layer([asks(call("1", "guarded", { text: "a" }))])))

const open = (sealed: string, options?: Partial<ToolLoop.UnsealOptions>) =>
  ToolLoop.unseal(sealed, { key, conversation, claim: ToolLoop.makeClaim(), ...options })

const refusal = (sealed: string, options?: Partial<ToolLoop.UnsealOptions>) =>
  Effect.map(Effect.flip(open(sealed, options)), (error) => error._tag === "SealError" ? error.reason : error._tag)

describe("ToolLoop.seal", () => {
  it.effect("gives back the state, and shows nothing of it", () =>
    Effect.gen(function*() {
      const given = yield* state()
      const sealed = yield* ToolLoop.seal(given, { key, conversation })
      assert.deepStrictEqual(yield* open(sealed), given)
      assert.notInclude(Buffer.from(sealed, "base64url").toString("latin1"), "secret text")
      assert.notStrictEqual(yield* ToolLoop.seal(given, { key, conversation }), sealed)
      assert.match(sealed, /^[A-Za-z0-9_-]+$/)
    }))

  it.effect("seals states of megabytes", () =>
    Effect.gen(function*() {
      const given = yield* state("x".repeat(2_000_000))
      assert.deepStrictEqual(yield* open(yield* ToolLoop.seal(given, { key, conversation })), given)
    }))

  it.effect("case 44: refuses a forged state", () =>
    Effect.gen(function*() {
      const given = yield* state()
      const json = JSON.stringify(yield* ToolLoop.encode(given))
      const forgeries = [
        "",
        "forged",
        "💥",
        Buffer.from(json).toString("base64url"),
        Buffer.concat([Buffer.alloc(25, 1), Buffer.from(json)]).toString("base64url"),
        yield* ToolLoop.seal(given, { key: otherKey, conversation })
      ]
      for (const forged of forgeries) assert.strictEqual(yield* refusal(forged), "forged")
      assert.strictEqual(yield* refusal(null as never), "forged")
    }))

  it.effect("case 44: refuses a state that was altered, in any byte", () =>
    Effect.gen(function*() {
      const sealed = yield* ToolLoop.seal(yield* state(), { key, conversation })
      const bytes = Buffer.from(sealed, "base64url")
      for (let at = 0; at < bytes.length; at += at < 40 || at > bytes.length - 20 ? 1 : 97) {
        const altered = Buffer.from(bytes)
        altered[at] = altered[at]! ^ 1
        assert.strictEqual(yield* refusal(altered.toString("base64url")), "forged", `byte ${at}`)
      }
      for (const length of [0, 1, 24, 25, 40, bytes.length - 1]) {
        assert.strictEqual(yield* refusal(bytes.subarray(0, length).toString("base64url")), "forged")
      }
      assert.strictEqual(yield* refusal(`${sealed}AAAA`), "forged")
    }))

  it.effect("case 44: refuses a state of another conversation, and uses nothing up", () =>
    Effect.gen(function*() {
      const claim = ToolLoop.makeClaim()
      const sealed = yield* ToolLoop.seal(yield* state(), { key, conversation })
      assert.strictEqual(yield* refusal(sealed, { conversation: "conversation-2", claim }), "other-conversation")
      yield* open(sealed, { claim })
    }))

  it.effect("case 44: refuses a state that was used before", () =>
    Effect.gen(function*() {
      const claim = ToolLoop.makeClaim()
      const given = yield* state()
      const sealed = yield* ToolLoop.seal(given, { key, conversation })
      yield* open(sealed, { claim })
      assert.strictEqual(yield* refusal(sealed, { claim }), "used")
      yield* open(yield* ToolLoop.seal(given, { key, conversation }), { claim })
    }))

  it.effect("case 44: refuses a state whose time is over: an hour, or what the seal says", () =>
    Effect.gen(function*() {
      const given = yield* state()
      const hour = yield* ToolLoop.seal(given, { key, conversation })
      const minute = yield* ToolLoop.seal(given, { key, conversation, expiresIn: "1 minute" })
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(yield* refusal(minute), "expired")
      yield* open(hour)
      yield* TestClock.adjust("59 minutes")
      assert.strictEqual(yield* refusal(hour), "expired")
    }))

  it.effect("opens with any of several keys, so that keys can change", () =>
    Effect.gen(function*() {
      const given = yield* state()
      const sealed = yield* ToolLoop.seal(given, { key, conversation })
      assert.deepStrictEqual(yield* open(sealed, { key: [otherKey, key] }), given)
      assert.strictEqual(yield* refusal(sealed, { key: [otherKey] }), "forged")
    }))

  it.effect("refuses short keys and blank conversations", () =>
    Effect.gen(function*() {
      const given = yield* state()
      for (
        const options of [
          { key: Redacted.make("short"), conversation },
          { key: "0123456789abcdef0123456789abcdef" as never, conversation },
          { key, conversation: " " },
          { key, conversation, expiresIn: "soon" as never }
        ]
      ) {
        const error = yield* Effect.flip(ToolLoop.seal(given, options))
        assert.strictEqual(error._tag, "InvalidRequestError")
        assert.notInclude(error.message, "short\"")
      }
    }))

  it.effect("remembers used seals up to a capacity, until they expire", () =>
    Effect.gen(function*() {
      const claim = ToolLoop.makeClaim({ capacity: 2 })
      const at = (id: string, expiresAt: number) => claim({ id, expiresAt })
      assert.deepStrictEqual(
        yield* Effect.all([at("a", 1000), at("b", 5000), at("a", 1000), at("c", 5000)]),
        [true, true, false, false]
      )
      yield* TestClock.adjust(2000)
      assert.deepStrictEqual(yield* Effect.all([at("c", 5000), at("b", 5000), at("d", 5000)]), [true, false, false])
    }))

  it.effect("accepts nothing where the claim throws, or is no effect", () =>
    Effect.gen(function*() {
      const sealed = yield* ToolLoop.seal(yield* state(), { key, conversation })
      const claims: ReadonlyArray<() => unknown> = [() => true, () => {
        throw new Error("no")
      }, () =>
        Effect.succeed("yes"), () =>
        Effect.die("no")]
      for (const claim of claims) {
        assert.strictEqual(yield* refusal(sealed, { claim: claim as never }), "used")
      }
    }))
})

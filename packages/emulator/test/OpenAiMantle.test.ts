import { assert, describe, it, layer } from "@effect/vitest"
import { Hash } from "@smithy/hash-node"
import { SignatureV4 } from "@smithy/signature-v4"
import { Emulator } from "@strata/emulator"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { TestClock } from "effect/testing"
import * as Http from "node:http"
import * as Fixture from "./Fixture.ts"
import * as OpenAi from "./OpenAiFixture.ts"

const hosted = "openai.gpt-5.4"
const open = "openai.gpt-oss-20b"
const chatOnly = "qwen.qwen3-32b"
const newest = "xai.grok-4.3"

const chat = (model: string, root: OpenAi.Root) => OpenAi.chat({ model }, root)

const respond = (model: string, root: OpenAi.Root) => OpenAi.respond({ model, store: false }, root)

const wrongRoute = (model: string) => `model \`${model}\` isn't supported on this route`

const noApi = (model: string, path: string) => `The model '${model}' does not support the '${path}' API`

layer(Fixture.emulator())("case 13: bedrock-mantle", (it) => {
  it.effect("answers each model at its own root, by its own APIs", () =>
    Effect.gen(function*() {
      const answers = [
        respond(hosted, "mantle/openai/v1"),
        chat(open, "mantle/v1"),
        respond(open, "mantle/v1"),
        chat(chatOnly, "mantle/v1"),
        chat(newest, "mantle/openai/v1"),
        respond(newest, "mantle/openai/v1")
      ]
      for (const answer of answers) assert.strictEqual((yield* answer).status, 200)
    }))

  it.effect("refuses a model at the other root, and by an API that it does not have", () =>
    Effect.gen(function*() {
      const refusals = [
        [chat(hosted, "mantle/v1"), wrongRoute(hosted)],
        [respond(hosted, "mantle/v1"), noApi(hosted, "/v1/responses")],
        [chat(hosted, "mantle/openai/v1"), noApi(hosted, "/openai/v1/chat/completions")],
        [chat(open, "mantle/openai/v1"), wrongRoute(open)],
        [respond(open, "mantle/openai/v1"), noApi(open, "/openai/v1/responses")],
        [respond(chatOnly, "mantle/v1"), noApi(chatOnly, "/v1/responses")],
        [chat(newest, "mantle/v1"), wrongRoute(newest)],
        [chat("anthropic.claude-haiku-4-5", "mantle/v1"), noApi("anthropic.claude-haiku-4-5", "/v1/chat/completions")]
      ] as const
      for (const [answer, message] of refusals) {
        const { json, status } = yield* answer
        assert.strictEqual(status, 400)
        assert.deepStrictEqual(json.error, {
          message,
          type: "invalid_request_error",
          param: null,
          code: "validation_error"
        })
      }
    }))

  it.effect("has no models of OpenAI's own names, nor the runtime's", () =>
    Effect.gen(function*() {
      for (const model of ["gpt-4o", "openai.gpt-oss-20b-1:0", "amazon.nova-lite-v1:0"]) {
        assert.strictEqual((yield* chat(model, "mantle/v1")).status, 404)
      }
    }))

  it.effect("lists its models as recorded", () =>
    Effect.gen(function*() {
      const { json } = yield* OpenAi.send("GET", "mantle/v1", "models")
      const found = json.data.find(({ id }: { readonly id: string }) => id === open)
      assert.deepInclude(found, { object: "model", owned_by: "system", status: "available" })
      assert.hasAllKeys(found, ["created", "data_retention", "id", "object", "owned_by", "status"])
    }))

  it.effect("keeps an answer unless it is told not to", () =>
    Effect.gen(function*() {
      const kept = yield* OpenAi.respond({ model: open }, "mantle/v1")
      assert.strictEqual((yield* OpenAi.send("GET", "mantle/v1", `responses/${kept.json.id}`)).status, 200)
      const other = yield* OpenAi.respond({ model: open, store: false }, "mantle/v1")
      assert.strictEqual((yield* OpenAi.send("GET", "mantle/v1", `responses/${other.json.id}`)).status, 404)
    }))

  it.effect("is known by a path of one root, where the model is its own", () =>
    Effect.gen(function*() {
      assert.strictEqual((yield* chat(open, "baseUrl")).status, 200)
      assert.strictEqual((yield* respond(hosted, "runtimeUrl")).status, 200)
      assert.strictEqual((yield* chat(open, "runtimeUrl")).json.error.message, wrongRoute(open))
    }))

  it.effect("is known by its host name", () =>
    Effect.gen(function*() {
      const { apiKey, url } = yield* Emulator.Emulator
      // `fetch` sets the header itself
      const statusOf = (model: string) =>
        Effect.callback<number | undefined>((resume) => {
          const request = Http.request(`${url}/v1/chat/completions`, {
            method: "POST",
            headers: {
              host: "bedrock-mantle.us-east-1.api.aws",
              authorization: `Bearer ${Redacted.value(apiKey)}`,
              "content-type": "application/json"
            }
          }, (response) => {
            response.resume()
            resume(Effect.succeed(response.statusCode))
          })
          request.end(JSON.stringify({ ...OpenAi.hello, model }))
        })
      assert.deepStrictEqual([yield* statusOf(open), yield* statusOf("gpt-4o")], [200, 404])
    }))

  it.effect("takes signatures for its own name, and no others", () =>
    Effect.gen(function*() {
      const { client: { credentials, region }, openai } = yield* Emulator.Emulator
      const sent = Effect.fnUntraced(function*(service: string, url: string, model: string) {
        const { host, hostname, pathname, protocol } = new URL(`${url}/chat/completions`)
        const signer = new SignatureV4({
          service,
          region,
          sha256: Hash.bind(null, "sha256"),
          credentials: {
            accessKeyId: credentials.accessKeyId,
            secretAccessKey: Redacted.value(credentials.secretAccessKey)
          }
        })
        const body = JSON.stringify({ ...OpenAi.hello, model })
        const { headers } = yield* Fixture.attempt(() =>
          signer.sign({
            method: "POST",
            protocol,
            hostname,
            path: pathname,
            query: {},
            headers: { host, "content-type": "application/json" },
            body
          })
        )
        const response = yield* Fixture.attempt(() =>
          fetch(`${protocol}//${host}${pathname}`, { method: "POST", headers, body })
        )
        return response.status
      })
      assert.strictEqual(yield* sent("bedrock-mantle", `${openai.mantleUrl}/v1`, open), 200)
      assert.strictEqual(yield* sent("bedrock-mantle", openai.baseUrl, open), 200)
      assert.strictEqual(yield* sent("bedrock", openai.runtimeUrl, "openai.gpt-oss-20b-1:0"), 200)
      assert.strictEqual(yield* sent("bedrock", `${openai.mantleUrl}/v1`, open), 403)
    }))
})

layer(Fixture.emulator())("bedrock-runtime at /openai/v1", (it) => {
  it.effect("answers the models whose bodies are OpenAI's, by id and by inference profile", () =>
    Effect.gen(function*() {
      for (const model of ["openai.gpt-oss-120b-1:0", "deepseek.v3.2", "us.openai.gpt-5.4", "us.xai.grok-4.6"]) {
        assert.strictEqual((yield* chat(model, "runtimeUrl")).status, 200, model)
      }
      assert.strictEqual((yield* respond("openai.gpt-oss-120b-1:0", "runtimeUrl")).status, 200)
    }))

  it.effect("refuses others, and unknown ones", () =>
    Effect.gen(function*() {
      const claude = yield* chat("us.anthropic.claude-sonnet-4-5-20250929-v1:0", "runtimeUrl")
      assert.include(claude.json.error.message, "does not support the '/openai/v1/chat/completions' API")
      const unknown = yield* chat("openai.gpt-none", "runtimeUrl")
      assert.deepInclude(unknown.json.error, { code: "model_not_found" })
      assert.strictEqual(unknown.status, 404)
    }))
})

describe("Quotas", () => {
  const gptOss = "openai.gpt-oss-20b-1:0"

  it.effect("of the runtime are those of Converse", () =>
    Effect.gen(function*() {
      assert.strictEqual((yield* OpenAi.chat({ model: gptOss, max_tokens: 60 }, "runtimeUrl")).status, 200)
      const converse = yield* Fixture.post(
        `/model/${encodeURIComponent(gptOss)}/converse`,
        JSON.stringify({ messages: [{ role: "user", content: [{ text: "Hi" }] }], inferenceConfig: { maxTokens: 95 } })
      )
      assert.strictEqual(converse.status, 429)
      const again = yield* OpenAi.chat({ model: gptOss, max_tokens: 95 }, "runtimeUrl")
      assert.strictEqual(again.status, 429)
      assert.notProperty(again.headers, "retry-after")
      assert.deepStrictEqual(again.json.error, {
        message: "Too many tokens, please wait before trying again.",
        type: "tokens",
        param: null,
        code: "rate_limit_exceeded"
      })
      assert.strictEqual((yield* chat(open, "mantle/v1")).status, 200)
    }).pipe(Effect.provide(Fixture.emulator({ quota: { "*": { tokensPerMinute: 100 } } }))))

  it.effect("of mantle are apart, and count input and output each for itself", () =>
    Effect.gen(function*() {
      const { statistics } = yield* Emulator.Emulator
      const ask = (body: object) => OpenAi.chat({ model: open, max_tokens: 50, ...body }, "mantle/v1")
      assert.strictEqual((yield* ask({})).status, 200)
      const output = yield* ask({ max_tokens: 98 })
      assert.strictEqual(output.json.error.message, "Too many output tokens, please wait before trying again.")
      const input = yield* ask({ messages: [{ role: "user", content: "word ".repeat(100) }] })
      assert.strictEqual(input.json.error.message, "Too many input tokens, please wait before trying again.")
      assert.strictEqual((yield* OpenAi.chat({ model: gptOss }, "runtimeUrl")).status, 200)
      const { quota } = yield* statistics
      assert.deepInclude(quota[`mantle/${open}`], {
        inputTokensPerMinute: 100,
        inputLeft: 93,
        outputTokensPerMinute: 100,
        outputLeft: 97,
        throttled: 2
      })
      yield* TestClock.adjust("1 minute")
      assert.strictEqual((yield* ask({ max_tokens: 98 })).status, 200)
    }).pipe(
      Effect.provide(
        Fixture.emulator({ quota: { "mantle/*": { inputTokensPerMinute: 100, outputTokensPerMinute: 100 } } })
      )
    ))

  it.effect("of mantle take nothing for what is cached", () =>
    Effect.gen(function*() {
      const { statistics } = yield* Emulator.Emulator
      const ask = OpenAi.chat(
        { model: open, max_tokens: 5, messages: [{ role: "user", content: "word ".repeat(1200) }] },
        "mantle/v1"
      )
      // 1500 tokens, of which 1408 are cached the second time
      assert.strictEqual((yield* ask).status, 200)
      const second = yield* ask
      assert.strictEqual(second.status, 200)
      assert.strictEqual(second.json.usage.prompt_tokens_details.cached_tokens, 1408)
      const { quota } = yield* statistics
      assert.strictEqual(quota[`mantle/${open}`]?.inputLeft, 1600 - 1500 - 92)
    }).pipe(
      Effect.provide(
        Fixture.emulator({
          inputTokens: "counted",
          quota: { [`mantle/${open}`]: { inputTokensPerMinute: 1600, algorithm: "fixed" } }
        })
      )
    ))

  it.effect("of OpenAI's models are by their names", () =>
    Effect.gen(function*() {
      assert.strictEqual((yield* OpenAi.chat({})).status, 200)
      const second = yield* OpenAi.chat({})
      assert.deepInclude(second.json.error, { type: "requests", code: "rate_limit_exceeded" })
      assert.strictEqual(second.headers["retry-after"], "60")
      yield* TestClock.adjust("45 seconds")
      assert.strictEqual((yield* OpenAi.chat({})).headers["retry-after-ms"], "15000")
      const never = yield* OpenAi.chat({ model: "o3", max_completion_tokens: 100 })
      assert.deepStrictEqual([never.status, never.headers["retry-after"]], [429, undefined])
      yield* TestClock.adjust("15 seconds")
      assert.strictEqual((yield* OpenAi.chat({})).status, 200)
      assert.strictEqual((yield* OpenAi.chat({ model: "gpt-4o" })).status, 200)
    }).pipe(
      Effect.provide(
        Fixture.emulator({ quota: { "gpt-4o-mini": { requestsPerMinute: 1 }, o3: { tokensPerMinute: 50 } } })
      )
    ))
})

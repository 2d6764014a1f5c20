/** Changes full requests in every way the service model knows, and compares what the emulator says with the model. */
import { assert, layer } from "@effect/vitest"
import { Emulator, Model } from "@strata/emulator"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Http from "node:http"
import * as Fixture from "../Fixture.ts"
import type { Mutation } from "./Mutation.ts"
import { membersBelow, membersOf, mutations } from "./Mutation.ts"

const able = "strata.able-v1"
const guardrail = { guardrailIdentifier: "abc123", guardrailVersion: "1", trace: "enabled" }

const user = (...content: ReadonlyArray<unknown>) => ({ role: "user", content })
const assistant = (...content: ReadonlyArray<unknown>) => ({ role: "assistant", content })
const bytes = { bytes: "AQID" }
const s3Location = { uri: "s3://bucket-of-mine/key", bucketOwner: "123456789012" }
const cachePoint = { type: "default", ttl: "5m" }
const guardText = { text: { text: "guarded", qualifiers: ["query"] } }
const guardImage = { image: { format: "png", source: bytes } }
const searchResult = { source: "here", title: "A hit", content: [{ text: "found" }], citations: { enabled: true } }
const document = (name: string, source: unknown) => ({
  format: "pdf",
  name,
  context: "about it",
  citations: { enabled: true },
  source
})
const place = { documentIndex: 1, start: 2, end: 3 }
const citation = (location: unknown) => ({
  title: "A title",
  source: "a source",
  sourceContent: [{ text: "cited" }],
  location
})

const prompt = {
  system: [{ text: "Be brief" }, { guardContent: guardText }, { guardContent: guardImage }, { cachePoint }],
  toolConfig: {
    tools: [
      {
        toolSpec: { name: "weather", description: "looks", inputSchema: { json: { type: "object" } }, strict: false }
      },
      { systemTool: { name: "grounding" } },
      { cachePoint }
    ],
    toolChoice: { tool: { name: "weather" } }
  },
  additionalModelRequestFields: {},
  messages: [
    user(
      { text: "Look" },
      { image: { format: "png", source: bytes } },
      { image: { format: "png", source: { s3Location } } },
      { document: document("one", bytes) },
      { document: document("two", { s3Location }) },
      { document: document("three", { text: "said" }) },
      { document: document("four", { content: [{ text: "a piece" }] }) },
      { video: { format: "mp4", source: bytes } },
      { video: { format: "mp4", source: { s3Location } } },
      { audio: { format: "mp3", source: bytes } },
      { audio: { format: "mp3", source: { s3Location } } },
      { guardContent: guardText },
      { guardContent: guardImage },
      { searchResult },
      { cachePoint }
    ),
    assistant(
      { reasoningContent: { reasoningText: { text: "hm", signature: "sealed" } } },
      { reasoningContent: { redactedContent: "AQID" } },
      {
        citationsContent: {
          content: [{ text: "so" }],
          citations: [
            citation({ web: { url: "https://a.example", domain: "a.example" } }),
            citation({ documentChar: place }),
            citation({ documentPage: place }),
            citation({ documentChunk: place }),
            citation({ searchResultLocation: { searchResultIndex: 1, start: 2, end: 3 } })
          ]
        }
      },
      { toolUse: { toolUseId: "server-1", name: "grounding", input: {}, type: "server_tool_use" } },
      { toolResult: { toolUseId: "server-1", content: [{ json: {} }], type: "grounding_result" } },
      { toolUse: { toolUseId: "call-1", name: "weather", input: { city: "Oslo" } } }
    ),
    user({
      toolResult: {
        toolUseId: "call-1",
        status: "success",
        content: [
          { text: "sunny" },
          { json: { degrees: 21 } },
          { image: { format: "jpeg", source: bytes } },
          { document: document("five", bytes) },
          { video: { format: "webm", source: bytes } },
          { searchResult }
        ]
      }
    }),
    {
      role: "system",
      content: [
        { toolAddition: { tool: { type: "mcp", name: "clock", serverName: "there" } } },
        { toolRemoval: { tool: { type: "mcp", name: "watch", serverName: "there" } } }
      ]
    }
  ]
}

const converse = {
  ...prompt,
  inferenceConfig: { maxTokens: 100, temperature: 0.5, topP: 0.5, stopSequences: ["END"] },
  guardrailConfig: guardrail,
  promptVariables: { who: { text: "me" } },
  additionalModelResponseFieldPaths: ["/a"],
  requestMetadata: { team: "blue" },
  performanceConfig: { latency: "standard" },
  serviceTier: { type: "default" },
  outputConfig: {
    textFormat: {
      type: "json_schema",
      structure: { jsonSchema: { schema: `{"type":"object"}`, name: "answer", description: "of it" } }
    },
    effort: "high"
  }
}

const invokeModelBody = Buffer.from(`{"prompt":"Hi"}`).toString("base64")

const operations = [
  { shape: "ConverseRequest", path: `/model/${able}/converse`, bodies: [converse] },
  {
    shape: "ConverseStreamRequest",
    path: `/model/${able}/converse-stream`,
    bodies: [{ ...converse, guardrailConfig: { ...guardrail, streamProcessingMode: "async" } }]
  },
  {
    shape: "CountTokensRequest",
    path: `/model/${able}/count-tokens`,
    bodies: [{ input: { converse: prompt } }, { input: { invokeModel: { body: invokeModelBody } } }]
  },
  {
    shape: "ApplyGuardrailRequest",
    path: "/guardrail/abc123/version/1/apply",
    bodies: [{
      source: "INPUT",
      outputScope: "FULL",
      content: [
        { text: { text: "guarded", qualifiers: ["query"] } },
        { image: { format: "png", source: bytes } }
      ]
    }]
  }
]

/** Members of answers only, and the alternatives of a tool choice. */
const unasked = new Set([
  "ImageBlock.error",
  "AudioBlock.error",
  "ErrorBlock.message",
  "ToolChoice.auto",
  "ToolChoice.any"
])

/** Changes that the service model forbids and recordings show accepted. */
const taken: ReadonlyArray<readonly [shape: string, constraint: string, why: string]> = [
  ["ToolUseType", "enum", "recorded: Claude 4.5 and later say `tool_use`, and take it back"]
]

/** Changes that the service model allows and a rule refuses. */
const refused: ReadonlyArray<readonly [shape: string, constraint: string, why: string]> = [
  ["ConversationRole", "enum", "who speaks follows from the blocks of a message and from its neighbours"],
  ["ToolUseType", "enum", "a call that the provider runs is answered in the same turn, any other in the next"],
  ["GuardrailIdentifier", "m", "there is one guardrail only"],
  ["GuardrailVersion", "", "in one version"],
  ["OutputConfigEffortString", "max", "the documentation of the shape lists its values"],
  [
    "ConverseRequestAdditionalModelResponseFieldPathsListMemberString",
    "min",
    "a pointer begins with a slash, and leads somewhere"
  ],
  ["ConverseStreamRequestAdditionalModelResponseFieldPathsListMemberString", "min", "the same"]
]

const isListed = (list: typeof taken, { constraint, shape }: Mutation) =>
  list.some(([ofShape, prefix]) => shape === ofShape && constraint.startsWith(prefix))

/** Thousands of requests: over a few kept connections of Node, which cost half as much as `fetch`. */
const poster = Effect.gen(function*() {
  const { apiKey, url } = yield* Emulator.Emulator
  const agent = yield* Effect.acquireRelease(
    Effect.sync(() => new Http.Agent({ keepAlive: true })),
    (agent) => Effect.sync(() => agent.destroy())
  )
  const headers = { authorization: `Bearer ${Redacted.value(apiKey)}`, "content-type": "application/json" }
  return (path: string, body: string) =>
    Effect.callback<{ readonly status: number; readonly text: string }>((resume) => {
      const request = Http.request(url + path, { method: "POST", agent, headers })
      request.on("response", (response) => {
        const chunks: Array<Buffer> = []
        response.on("data", (chunk: Buffer) => chunks.push(chunk))
        response.on(
          "end",
          () => resume(Effect.succeed({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString() }))
        )
      })
      request.on("error", (error) => resume(Effect.die(error)))
      request.end(body)
    })
})

/** The first change of each kind: of a shape, against one of its constraints. */
const once = (all: ReadonlyArray<Mutation>) => [
  ...new Map(all.toReversed().map((mutation) => [`${mutation.shape} ${mutation.constraint}`, mutation])).values()
]

/** The tests, with changes at every place of a shape, or at one. */
export const suite = (places: "every" | "one") =>
  layer(Fixture.emulator({
    models: [Model.chat(able)],
    guardrails: [{ id: "abc123", version: "1" }],
    history: 1
  }))("ServiceModel", (it) => {
    it.effect.each(operations)(
      "$shape has every member of the model in its full requests",
      ({ bodies, path, shape }) =>
        Effect.gen(function*() {
          const has = new Set(bodies.flatMap((body) => [...membersOf(shape, body)]))
          const lacks = [...membersBelow(shape)].filter((member) => !has.has(member) && !unasked.has(member))
          assert.deepStrictEqual(lacks, [])
          for (const body of bodies) {
            const { status, text } = yield* Fixture.post(path, JSON.stringify(body))
            assert.strictEqual(status, 200, text)
          }
        })
    )

    it.effect.each(operations)(
      "$shape: refuses what the model forbids, and accepts what it just allows",
      ({ bodies, path, shape }) =>
        Effect.gen(function*() {
          const post = yield* poster
          const all = bodies.flatMap((body) => [...mutations(shape, body)])
          const judged = yield* Effect.forEach(places === "every" ? all : once(all), (mutation) =>
            Effect.map(
              post(path, JSON.stringify(mutation.body)),
              ({ status, text }) => ({ ...mutation, status, text })
            ), {
            concurrency: 8
          })
          const wrong = judged.filter((mutation) =>
            mutation.forbidden
              ? mutation.status !== 400 && !isListed(taken, mutation)
              : mutation.status !== 200 && !isListed(refused, mutation)
          )
          assert.deepStrictEqual(
            wrong.map(({ constraint, forbidden, path, shape, text }) =>
              `${forbidden ? "takes" : "refuses"} ${shape} ${constraint} at ${path.join(".")}: ${text.slice(0, 200)}`
            ),
            []
          )
        }),
      60_000
    )
  })

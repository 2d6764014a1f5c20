import type { ContentBlockDelta, ContentBlockStart, ConverseStreamOutput } from "@aws-sdk/client-bedrock-runtime"
import { assert, describe, it } from "@effect/vitest"
import type * as ChatEvent from "@strata/core/chat/ChatEvent"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as Events from "../../src/converse/Events.ts"

const origin = { model: "amazon.nova-lite-v1:0", requestId: "req-1" }

// the service may know more than the SDK, or leave members out
const start = (start: object, contentBlockIndex = 0): ConverseStreamOutput => ({
  contentBlockStart: { contentBlockIndex, start: start as ContentBlockStart }
})
const delta = (delta: object, contentBlockIndex = 0): ConverseStreamOutput => ({
  contentBlockDelta: { contentBlockIndex, delta: delta as ContentBlockDelta }
})
const thought = (reasoningContent: object) => delta({ reasoningContent })
const stop: ConverseStreamOutput = { contentBlockStop: { contentBlockIndex: 0 } }
const stopped: ConverseStreamOutput = { messageStop: { stopReason: "end_turn" } }
const metadata: ConverseStreamOutput = {
  metadata: { usage: { inputTokens: 5, outputTokens: 2, totalTokens: 7 }, metrics: { latencyMs: 30 } }
}

const decode = (frames: ReadonlyArray<ConverseStreamOutput>) => Events.decode(Stream.fromIterable(frames), origin)

/** The events before the finish. */
const eventsOf = (frames: ReadonlyArray<ConverseStreamOutput>) =>
  Effect.map(Stream.runCollect(decode([...frames, stopped, metadata])), (events) => events.slice(0, -1))

const part = (value: unknown, index = 0) => ({
  type: "part",
  index,
  part: { type: "provider", provider: "aws.bedrock", value }
})

describe("converse/Events, one by one", () => {
  const bytes = new Uint8Array([1])
  const s3Location = { uri: "s3://bucket/i" }
  const cases: ReadonlyArray<
    readonly [name: string, frames: ReadonlyArray<ConverseStreamOutput>, events: ReadonlyArray<object>]
  > = [
    [
      "text, without its empty pieces",
      [delta({ text: "" }), delta({ text: "Hi" }), delta({ text: "" }), stop],
      [{ type: "text-delta", index: 0, delta: "Hi" }]
    ],
    ["empty text, once", [delta({ text: "" }), delta({ text: "" }), stop], [{
      type: "text-delta",
      index: 0,
      delta: ""
    }]],
    [
      "a source of no text",
      [delta({ citation: { title: "t" } }), stop],
      [{ type: "citation", index: 0, citation: { title: "t" } }]
    ],
    [
      "reasoning without a signature",
      [thought({ text: "a" }), thought({ text: "" }), stop],
      [{ type: "reasoning-delta", index: 0, delta: "a" }, { type: "reasoning-end", index: 0 }]
    ],
    [
      "reasoning with a signature",
      [thought({ text: "a" }), thought({ signature: "s" }), stop],
      [{ type: "reasoning-delta", index: 0, delta: "a" }, { type: "reasoning-end", index: 0, signature: "s" }]
    ],
    [
      "redacted reasoning",
      [thought({ redactedContent: bytes }), stop],
      [{ type: "reasoning-end", index: 0, redacted: bytes }]
    ],
    [
      "a call without an id and a name",
      [start({ toolUse: {} }), delta({ toolUse: {} }), delta({ toolUse: { input: "{}" } }), stop],
      [
        { type: "tool-params-start", index: 0, id: "", name: "" },
        { type: "tool-params-delta", index: 0, id: "", delta: "{}" },
        { type: "tool-call", index: 0, id: "", name: "", params: {} }
      ]
    ],
    [
      "a call that the service runs, as a whole",
      [
        start({ toolUse: { toolUseId: "s1", name: "search", type: "server_tool_use" } }),
        delta({ toolUse: { input: "{\"q\":1}" } }),
        stop
      ],
      [{ type: "tool-call", index: 0, id: "s1", name: "search", params: { q: 1 }, providerExecuted: true }]
    ],
    ["nothing of arguments that are empty", [delta({ toolUse: {} }), delta({ toolUse: { input: "" } })], []],
    [
      "an image in S3",
      [start({ image: { format: "png" } }), delta({ image: {} }), delta({ image: { source: { s3Location } } }), stop],
      [{ type: "part", index: 0, part: { type: "image", mediaType: "image/png", source: s3Location } }]
    ],
    [
      "an image that is withheld in the end",
      [
        start({ image: { format: "png" } }),
        delta({ image: { source: { bytes } } }),
        delta({ image: { error: { message: "withheld" } } }),
        stop
      ],
      [part({ image: { format: "png", source: { bytes }, error: { message: "withheld" } } })]
    ],
    [
      "blocks at the same time, of which one has ended",
      [
        delta({ text: "a" }),
        delta({ text: "b" }, 1),
        { contentBlockStop: { contentBlockIndex: 1 } },
        delta({ text: "c" }),
        delta({ text: "d" }, 1)
      ],
      [["a", 0], ["b", 1], ["c", 0], ["d", 2]].map(([delta, index]) => ({ type: "text-delta", index, delta }))
    ],
    [
      "text before and behind a start of nothing",
      [delta({ text: "a" }), start({}), delta({ text: "b" })],
      [{ type: "text-delta", index: 0, delta: "a" }, { type: "text-delta", index: 1, delta: "b" }]
    ],
    [
      "an image that never comes",
      [start({ image: { format: "png" } }), stop],
      [part({ image: { format: "png", source: undefined } })]
    ],
    [
      "an image and a result that begin without a start, behind text",
      [delta({ text: "a" }), delta({ image: { source: { bytes } } }), delta({ toolResult: [{ text: "r" }] }), stop],
      [
        { type: "text-delta", index: 0, delta: "a" },
        part({ image: { format: undefined, source: { bytes } } }, 1),
        {
          type: "part",
          index: 2,
          part: { type: "tool-result", id: "", result: [{ text: "r" }], providerExecuted: true }
        }
      ]
    ],
    [
      "a result that begins without a start, and without a block before",
      [delta({ toolResult: [{ text: "r" }] }), delta({ toolResult: [{ text: "s" }] })],
      [{
        type: "part",
        index: 0,
        part: { type: "tool-result", id: "", result: [{ text: "r" }, { text: "s" }], providerExecuted: true }
      }]
    ],
    [
      "an image that begins without a start, and without a block before",
      [delta({ image: { source: { bytes } } }), delta({ image: { source: { bytes } } })],
      [part({ image: { format: undefined, source: { bytes: new Uint8Array([1, 1]) } } })]
    ],
    [
      "text and reasoning whose start is announced",
      [
        start({ text: "" }),
        delta({ text: "a" }),
        stop,
        start({ reasoningContent: {} }),
        thought({ text: "b" }),
        stop
      ],
      [
        { type: "text-delta", index: 0, delta: "a" },
        { type: "reasoning-delta", index: 1, delta: "b" },
        { type: "reasoning-end", index: 1 }
      ]
    ],
    ["nothing of a start or a delta without members", [
      { contentBlockStart: { contentBlockIndex: 0, start: undefined } },
      start({}),
      delta({}),
      thought({}),
      stop
    ], []],
    [
      "an unknown block by its own name, beside members that are not set",
      [
        start({ text: undefined, sphere: null, hologram: { depth: 1 } }),
        delta({ text: undefined, hologram: { width: 2 } }),
        stop
      ],
      [part({ $unknown: ["hologram", { depth: 1, width: 2 }] })]
    ],
    [
      "an unknown block of lists",
      [delta({ points: [1, 2] }), delta({ points: [3] }), stop],
      [part({ $unknown: ["points", [1, 2, 3]] })]
    ],
    ...([["a", { b: 1 }], [{ b: 1 }, "a"], [[1], "a"], ["a", [1]], [[1], { b: 1 }]] as const).map(([first, last]) =>
      [
        `the last of unknown pieces that cannot be joined: ${JSON.stringify([first, last])}`,
        [delta({ $unknown: ["hologram", first] }), delta({ $unknown: ["hologram", last] }), stop],
        [part({ $unknown: ["hologram", last] })]
      ] as const
    ),
    [
      "unknown blocks of two names",
      [delta({ $unknown: ["a", "1"] }), delta({ $unknown: ["b", "2"] }), stop],
      [part({ $unknown: ["a", "1"] }), part({ $unknown: ["b", "2"] }, 1)]
    ],
    [
      "an unknown block, and unknown reasoning of the same name",
      [delta({ $unknown: ["a", "1"] }), thought({ $unknown: ["a", "2"] }), stop],
      [part({ $unknown: ["a", "1"] }), part({ reasoningContent: { $unknown: ["a", "2"] } }, 1)]
    ]
  ]

  it.effect.each(cases)("gives %s", ([, frames, expected]) =>
    Effect.gen(function*() {
      assert.deepStrictEqual<ReadonlyArray<ChatEvent.ChatEvent | object>>(yield* eventsOf(frames), expected)
    }))

  it.effect("keeps the usage when an unknown frame comes before the stop", () =>
    Effect.gen(function*() {
      const novelty: ConverseStreamOutput = { $unknown: ["novelty", { a: 1 }] }
      const [finish] = yield* Stream.runCollect(decode([metadata, novelty, stopped]))
      assert(finish?.type === "finish")
      assert.strictEqual(finish.usage.totalTokens, 7)
    }))

  it.effect("ends without metrics as well", () =>
    Effect.gen(function*() {
      const usage = { inputTokens: 5, outputTokens: 2, totalTokens: 7 }
      const [finish] = yield* Stream.runCollect(decode([stopped, { metadata: { usage, metrics: undefined } }]))
      assert(finish?.type === "finish")
      assert.isUndefined(finish.providerMetadata?.bedrock?.latencyMs)
    }))

  it.effect("says what is wrong with a stream, and what to do", () =>
    Effect.gen(function*() {
      const cut = yield* Effect.flip(Stream.runDrain(decode([delta({ text: "a" })])))
      assert.include(cut.message, "the stream ended before the answer was complete")
      assert.include(cut.message, "Send the request again")
      const stray = yield* Effect.flip(Stream.runDrain(decode([delta({ toolUse: { input: "{}" } })])))
      assert.include(stray.message, "the stream has tool arguments without a tool call")
    }))
})

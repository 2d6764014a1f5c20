/**
 * Every public function of tools and their loops.
 */
import { ChatResponse, Message, Tool, ToolDefinition, ToolLoop } from "@strata/core"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { createHash } from "node:crypto"
import { type Calls, fields, response } from "./AnyCalls.ts"

const clock = Tool.make("clock", { handler: () => Effect.succeed("noon") })

const guarded = Tool.withApproval(clock)

const waits = { type: "tool-call", id: "1", name: "clock", params: {} } as const

const digest = createHash("sha256")
  .update(JSON.stringify({ inputSchema: { properties: {}, type: "object" }, name: "clock" }))
  .digest("hex")

/** The state of a tool loop with a call that waits. */
const state: ToolLoop.State = {
  version: 1,
  id: "run-1",
  revision: 1,
  request: { messages: [Message.user("Hi")] },
  messages: [],
  steps: 1,
  usage: response.usage,
  refused: [],
  response: ChatResponse.make([waits], { ...response, finishReason: "tool-calls" }),
  calls: [{ status: "approval", call: waits }],
  following: [],
  fingerprint: {
    provider: "any",
    model: "any-model",
    tools: { clock: digest }
  }
}

/** The state with a value in place of each part. */
const parts = (any: never): ReadonlyArray<ToolLoop.State> => [
  ...Object.keys(state).map((key) => ({ ...state, [key]: any })),
  { ...state, calls: [any] },
  { ...state, calls: [{ ...state.calls[0]!, call: any }] },
  { ...state, messages: [any] },
  { ...state, request: { ...state.request, providerOptions: { any } } }
]

const sealOptions = { key: Redacted.make("0123456789abcdef0123456789abcdef"), conversation: "1" }

export const calls: Readonly<Record<string, Calls>> = {
  "Tool.call": (any) => [
    () => Tool.call(any, {}),
    () => Tool.call(clock, any),
    () => Tool.call({ ...clock, prepare: any }, {}),
    () => Tool.call({ ...clock, prepare: () => any }, {})
  ],
  "Tool.definition": (any) => [() => Tool.definition(any), () => Tool.definition({ ...clock, input: any })],
  "Tool.make": (any) => [
    () => Tool.definition(Tool.make(any, { handler: () => Effect.void })),
    () => Tool.definition(Tool.make("clock", any)),
    ...fields(["description", "input", "output", "failureMode", "strict", "handler"], any).map((field) => () =>
      Tool.definition(Tool.make("clock", { handler: () => Effect.void, ...(field as object) }))
    )
  ],
  "Tool.content": (any) => [
    () => Tool.content(any, any),
    () => Tool.call(Tool.make("parts", { handler: () => Effect.succeed(Tool.content(any)) }), {})
  ],
  "Tool.dynamic": (any) => [
    () => Tool.definition(Tool.dynamic(any, { inputSchema: { type: "object" }, handler: () => Effect.void })),
    () => Tool.definition(Tool.dynamic("clock", any)),
    ...fields(["description", "inputSchema", "output", "failureMode", "strict", "repeatable", "handler"], any).map((
      field
    ) =>
    () => {
      const tool = Tool.dynamic("clock", { inputSchema: { type: "object" }, ...(field as object) })
      return Effect.zip(Tool.call(tool, {}), Tool.definition(tool))
    }),
    ...["properties", "$defs", "anyOf", "type", "$ref", "required"].map((keyword) => () => {
      const tool = Tool.dynamic("clock", { inputSchema: { type: "object", [keyword]: any } })
      return Effect.zip(Effect.exit(Tool.call(tool, { clock: 1 })), Tool.definition(tool))
    })
  ],
  "Tool.withApproval": (any) => [
    () => Tool.definition(Tool.withApproval(any)),
    () => Tool.call(Tool.withApproval(any), {}),
    () => ToolLoop.run("Hi", { tools: [Tool.withApproval(clock, any)] }),
    () => ToolLoop.run("Hi", { tools: [Tool.withApproval(clock, () => any)] })
  ],
  "ToolDefinition.make": (any) => [
    () => ToolDefinition.make(any, { input: clock.input }),
    () => ToolDefinition.make("clock", any),
    () => ToolDefinition.make("clock", { input: any }),
    () => ToolDefinition.make("clock", { input: clock.input, description: any, strict: any })
  ],
  "ToolLoop.decode": (any) => [() => ToolLoop.decode(any), ...parts(any).map((part) => () => ToolLoop.decode(part))],
  "ToolLoop.encode": (any) => [() => ToolLoop.encode(any), ...parts(any).map((part) => () => ToolLoop.encode(part))],
  "ToolLoop.makeClaim": (any) => [
    () => ToolLoop.makeClaim(any)({ id: "1", expiresAt: 1 }),
    () => ToolLoop.makeClaim({ capacity: any })(any)
  ],
  "ToolLoop.pendingOf": (any) => [() => ToolLoop.pendingOf(any), () => ToolLoop.pendingOf({ ...state, calls: any })],
  "ToolLoop.resume": (any) => [
    () => ToolLoop.resume(any, [], { tools: [guarded] }),
    () => ToolLoop.resume(state, any, { tools: [guarded] }),
    () => ToolLoop.resume(state, [any], { tools: [guarded] }),
    () => ToolLoop.resume(state, [], any),
    ...parts(any).map((part) => () => ToolLoop.resume(part, [{ type: "approve", callId: "1" }], { tools: [guarded] })),
    ...fields(["type", "callId", "params", "reason", "result", "parts", "isFailure"], any).flatMap((field) =>
      ["approve", "deny", "result", "expire"].map((type) => () =>
        ToolLoop.resume(state, [{ type, callId: "1", ...(field as object) } as never], { tools: [guarded] })
      )
    ),
    ...fields(["tools", "messages", "allowModelChange", "maxSteps", "concurrency", "save", "onStep"], any).map(
      (field) => () =>
        ToolLoop.resume(state, [{ type: "approve", callId: "1" }], { tools: [guarded], ...(field as object) })
    )
  ],
  "ToolLoop.resumeStream": (any) => [
    () => ToolLoop.resumeStream(any, [], { tools: [guarded] }),
    () => ToolLoop.resumeStream(state, any, { tools: [guarded] }),
    () => ToolLoop.resumeStream(state, [], any),
    ...fields(["tools", "messages", "allowModelChange", "maxSteps", "concurrency", "save", "onStep"], any).map(
      (field) => () =>
        ToolLoop.resumeStream(state, [{ type: "approve", callId: "1" }], { tools: [guarded], ...(field as object) })
    )
  ],
  "ToolLoop.seal": (any) => [
    () => ToolLoop.seal(any, sealOptions),
    () => ToolLoop.seal(state, any),
    ...fields(["key", "conversation", "expiresIn"], any).map((field) => () =>
      ToolLoop.seal(state, { ...sealOptions, ...(field as object) })
    )
  ],
  "ToolLoop.unseal": (any) => [
    () => ToolLoop.unseal(any, { ...sealOptions, claim: ToolLoop.makeClaim() }),
    () => ToolLoop.unseal("text", any),
    ...fields(["key", "conversation", "claim"], any).map((field) => () =>
      Effect.flatMap(
        ToolLoop.seal(state, sealOptions),
        (sealed) => ToolLoop.unseal(sealed, { ...sealOptions, claim: ToolLoop.makeClaim(), ...(field as object) })
      )
    )
  ],
  "ToolLoop.run": (any) => [
    () => ToolLoop.run(any, { tools: [clock] }),
    () => ToolLoop.run("Hi", any),
    ...fields(["tools", "maxSteps", "concurrency", "prepareStep", "onStep", "save", "id"], any).map((field) => () =>
      ToolLoop.run("Hi", { tools: [clock], ...(field as object) })
    ),
    () => ToolLoop.run("Hi", { tools: [any] })
  ],
  "ToolLoop.stream": (any) => [
    () => ToolLoop.stream(any, { tools: [clock] }),
    () => ToolLoop.stream("Hi", any),
    ...fields(["tools", "maxSteps", "concurrency", "prepareStep", "onStep", "save", "id"], any).map((field) => () =>
      ToolLoop.stream("Hi", { tools: [clock], ...(field as object) })
    )
  ]
}

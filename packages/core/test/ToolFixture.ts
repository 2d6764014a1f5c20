/**
 * What the tests of tool loops share: calls, answers that ask for them, and tools whose handlers are watched.
 */
import type * as Message from "@strata/core/chat/Message"
import type * as TestChat from "@strata/core/testing/TestChat"
import * as Tool from "@strata/core/tool/Tool"
import * as Usage from "@strata/core/Usage"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"

/** The tokens of every scripted answer. */
export const usage = Usage.make({ inputTokens: 10, outputTokens: 5 })

export const call = (id: string, name: string, params: unknown = {}): Message.ToolCallPart => ({
  type: "tool-call",
  id,
  name,
  params
})

/** An answer that calls tools. */
export const asks = (...content: ReadonlyArray<Message.AssistantPart>): TestChat.Answer => ({ content, usage })

/** An answer that is text. */
export const says = (content: string): TestChat.Answer => ({ content, usage })

/** A tool that sleeps for some milliseconds, and records what happens to its handlers. */
export const sleeper = () => {
  const seen = { started: [] as Array<number>, ended: [] as Array<number>, interrupted: [] as Array<number>, most: 0 }
  const running = () => seen.started.length - seen.ended.length - seen.interrupted.length
  const tool = Tool.make("sleep", {
    input: Schema.Struct({ millis: Schema.Finite }),
    handler: ({ millis }) =>
      Effect.suspend(() => {
        seen.started.push(millis)
        seen.most = Math.max(seen.most, running())
        return Effect.sleep(millis)
      }).pipe(
        Effect.onInterrupt(() => Effect.sync(() => void seen.interrupted.push(millis))),
        Effect.map(() => {
          seen.ended.push(millis)
          return `slept ${millis}`
        })
      )
  })
  return { seen, tool }
}

/** A tool that returns its input. */
export const echo = Tool.make("echo", {
  input: Schema.Struct({ text: Schema.String }),
  handler: ({ text }) => Effect.succeed(text)
})

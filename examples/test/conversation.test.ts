import { assert, describe, it } from "@effect/vitest"
import { ChatService, History, Message, ToolDefinition } from "@strata/core"
import * as Effect from "effect/Effect"
import * as ForeignTurns from "../../packages/core/test/support/ForeignTurns.ts"
import * as Conversation from "../conversation.ts"
import * as Provider from "../src/Provider.ts"
import * as Example from "./Example.ts"

describe("conversation", () => {
  it.live(
    "keeps a stopped answer, goes on elsewhere, branches, and leaves out old turns",
    () =>
      Effect.gen(function*() {
        const output = yield* Example.output(Conversation.main)
        const [stopped, again, edited, long] = output.split(/^An.*:$|^Back.*:$/m).slice(1)
        assert.match(stopped!, /^ {2}assistant: To the mountains, .* \(interrupted\)$/m)
        assert.match(again!, /^ {2}assistant: To the mountains, since the towns are hot and crowded then\.$/m)
        assert.notInclude(again!, "interrupted")
        assert.match(edited!, /^\n {2}user: Where should I go in winter\?\n {2}assistant: That was question 1: .*\n$/)
        const [, kept, all, sent] =
          /(\d+) messages are kept, (\d+) with all branches\n.*I was sent (\d+) messages, and this: The user asked/
            .exec(long!) ?? []
        assert.deepStrictEqual([Number(kept), Number(all)], [30, 33])
        assert.isBelow(Number(sent), 20)
      }),
    60_000
  )

  it.live(
    "case 67: tools of any provider's history pass through the encoding of Converse",
    () =>
      Effect.gen(function*() {
        const target = { provider: "aws.bedrock", model: "us.amazon.nova-lite-v1:0" }
        for (const name of ForeignTurns.names) {
          const messages = History.portable([...ForeignTurns.turn(name), { message: Message.user("So?") }], target)
          const look: ToolDefinition.ToolDefinition = { name: "look", inputSchema: { type: "object" } }
          const { text } = yield* ChatService.generate({ messages, tools: [look], maxTokens: 100 })
          assert.strictEqual(text, `a of ${name}, b of ${name}`)
        }
      }).pipe(
        Effect.provide(Provider.scripted(({ messages }) =>
          messages.flatMap(Message.parts).flatMap((part) =>
            part.type === "tool-result"
              ? [part.parts?.map((part) => part.type === "text" ? part.text : part.type).join() ?? part.result]
              : []
          ).join(", ")
        ))
      ),
    60_000
  )
})

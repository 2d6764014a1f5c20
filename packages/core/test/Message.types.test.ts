import { describe, it } from "@effect/vitest"
import type * as ChatRequest from "@strata/core/chat/ChatRequest"
import type * as Message from "@strata/core/chat/Message"
import type * as Schema from "effect/Schema"
import { expectTypeOf } from "vitest"

describe("The types that are written out, for their names in errors and hovers", () => {
  it("are those of the schemas", () => {
    expectTypeOf<Message.Message>().toEqualTypeOf<Schema.Schema.Type<typeof Message.Message>>()
    expectTypeOf<Message.SystemPart>().toEqualTypeOf<Schema.Schema.Type<typeof Message.SystemPart>>()
    expectTypeOf<Message.UserPart>().toEqualTypeOf<Schema.Schema.Type<typeof Message.UserPart>>()
    expectTypeOf<Message.AssistantPart>().toEqualTypeOf<Schema.Schema.Type<typeof Message.AssistantPart>>()
    expectTypeOf<ChatRequest.ChatRequest["messages"]>().toEqualTypeOf<
      Schema.Schema.Type<typeof ChatRequest.ChatRequest>["messages"]
    >()
  })
})

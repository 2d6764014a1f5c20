/** The program of the section "Who spent what" of the README. */
import { ChatService } from "@strata/core"
import { Effect, Layer } from "effect"
import { BedrockChat, BedrockClient, RequestMetadata } from "../../src/index.ts"

// The team's own name for a model: its tags are in the bill.
const profile = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abcdefghij"

export const Support = BedrockChat.layer({
  model: profile,
  family: "anthropic.claude-haiku-4-5",
  requestMetadata: { app: "support" }
}).pipe(Layer.provide(BedrockClient.layer({ region: "us-east-1" })))

// In the invocation log: `{ "app": "support", "tenant": "acme" }`.
export const answer = (tenant: string, question: string) =>
  ChatService.text({ messages: question, maxTokens: 200 }).pipe(
    Effect.provideService(RequestMetadata.RequestMetadata, { tenant })
  )

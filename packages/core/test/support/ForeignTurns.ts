/** Turns with tools as different providers give them. */
import { type History, Message } from "@strata/core"

/** What each of these writes into an answer that no other can read, and the ids it makes. */
export const providers = {
  "aws.bedrock": { origin: { provider: "aws.bedrock", model: "us.anthropic.claude" }, id: "tooluse_aB-1" },
  "responses": { origin: { provider: "openai", api: "responses", model: "gpt" }, id: `fc_${"0".repeat(62)}` },
  "chat-completions": {
    origin: { provider: "openai", api: "chat-completions", model: "gpt" },
    id: "call:functions.look/0"
  },
  "another model": { origin: { provider: "aws.bedrock", model: "us.amazon.nova" }, id: "0" },
  "gemini": { origin: { provider: "google", model: "gemini" }, id: "" }
} satisfies Record<string, { readonly origin: History.Origin; readonly id: string }>

export type Name = keyof typeof providers
export const names = Object.keys(providers) as ReadonlyArray<Name>

/** A turn with two calls in one answer, as a provider would give it. */
export const turn = (name: Name): ReadonlyArray<History.Entry> => {
  const { id, origin } = providers[name]
  const own = { providerFields: { [origin.provider]: { secret: name } } }
  const call = (id: string): Message.ToolCallPart => ({
    type: "tool-call",
    id,
    name: "look",
    params: { at: name },
    ...own
  })
  return [
    { message: Message.user(`Ask ${name}`) },
    {
      origin,
      message: Message.assistant([
        { type: "reasoning", text: "hm", signature: `signed by ${name}`, ...own },
        { type: "reasoning", text: "", redacted: Uint8Array.of(1, 2) },
        { type: "text", text: `I am ${name}`, citations: [{ title: "a page" }], ...own },
        { type: "tool-call", id: "web", name: "search", params: {}, providerExecuted: true },
        { type: "tool-result", id: "web", result: {}, providerExecuted: true },
        { type: "provider", provider: origin.provider, value: { block: name } },
        call(id),
        call(`${id}.b`)
      ])
    },
    {
      message: Message.tool([
        { type: "tool-result", id, result: `a of ${name}` },
        { type: "tool-result", id: `${id}.b`, result: `b of ${name}` }
      ])
    },
    { message: Message.assistant(`Done, ${name}`), origin }
  ]
}

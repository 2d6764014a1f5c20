/**
 * The model of the examples about the weather, offline.
 */
import { type ChatRequest, Message } from "@strata/core"

/** It asks for three cities at once, then reads the results. */
export const script = (request: ChatRequest.Resolved) => {
  const last = request.messages.at(-1)
  if (last?.role !== "tool") {
    return {
      content: ["Rome", "Oslo", "Atlantis"].map((city, index) => ({
        type: "tool-call" as const,
        id: `call-${index}`,
        name: "get_weather",
        params: { city }
      }))
    }
  }
  const failures = Message.parts(last).filter((part) => part.type === "tool-result" && part.isFailure).length
  return `It is warmer in Rome than in Oslo; ${failures} of the ${last.content.length} cities is unknown to me.`
}

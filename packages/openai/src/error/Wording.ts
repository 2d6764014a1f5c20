/**
 * What the message of an error says, in one form for all of this package: who was asked and where, what came back, the id of the
 * request, and one remedy.
 *
 *     gpt-4o at api.openai.com: "Rate limit reached for requests" (request req_4f0c). Send fewer requests, or wait.
 */
import type { Facts } from "./Facts.ts"

/** The fields common to all errors. `remedy` is in the imperative and without a period; `problem` replaces the words. */
export const fields = (facts: Facts, remedy: string, problem?: string) => {
  const { asked, codes, requestId, words } = facts
  return {
    provider: asked.provider,
    model: asked.model,
    requestId,
    server: asked.server,
    exception: codes[0],
    providerMessage: words === "" ? undefined : words,
    message: message(
      { ...asked, requestId },
      problem ?? (words === "" ? `status ${facts.status}` : `"${words}"`),
      remedy
    )
  }
}

/** The message of an error. */
export const message = (
  { model, requestId, server }: {
    readonly model?: string | undefined
    readonly server?: string | undefined
    readonly requestId?: string | undefined
  },
  problem: string,
  remedy: string
): string => {
  const who = [model, server].filter((name) => name !== undefined && name !== "").join(" at ")
  const id = requestId === undefined ? "" : ` (request ${requestId})`
  const end = id === "" && /[.!?]"?$/.test(problem) ? "" : "."
  return `${who === "" ? "The server" : who}: ${problem}${id}${end} ${remedy}.`
}

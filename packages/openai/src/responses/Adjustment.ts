/**
 * What could not be sent as it was given: the warnings of `providerMetadata.openai`.
 *
 * The messages are fixed and hold no content of the request, so they can be logged.
 */
import type { Report } from "../chat/Codec.ts"
import type { Warning } from "../OpenAiOptions.ts"

/** An adjustment, without its place in the request. */
export type Adjustment = Omit<Warning, "field">

/** Records an adjustment at a field of the request. */
export type Adjust = (adjustment: Adjustment, field: string) => void

/** Records into the warnings of a request. */
export const into = (report: Report): Adjust => ({ message, type }, field) => report.add(type, field, message)

const omitted = (message: string): Adjustment => ({ type: "omitted", message })

/** Only the server and the model that encrypted reasoning can read it. */
export const foreignReasoning = omitted("Reasoning that this model cannot read was left out.")

export const openReasoning = omitted("Reasoning without its encrypted form was left out: the API takes no other.")

export const lastReasoning = omitted("Reasoning that nothing follows was left out: the API refuses it.")

export const foreignPart = omitted("A part that only another provider can read was left out.")

export const foreignRun = omitted("A call of a tool that another provider ran was left out, with its result.")

export const mediaOfModel = omitted("Media of the model was left out: the API takes none.")

export const strayResult = omitted("The result has no call before it, and was left out: the API refuses it.")

export const toolChange = omitted("The API cannot add or take away tools within a conversation: this was left out.")

export const missingResult: Adjustment = {
  type: "translated",
  message: "The call has no result. A result that says so was added: the API refuses a call without one."
}

export const renamedCall: Adjustment = {
  type: "translated",
  message: "The API does not accept this id of a call. The call and its result were given another one."
}

export const effortOfBudget: Adjustment = {
  type: "translated",
  message: "The API takes no budget of reasoning tokens. The effort that comes next to it was sent."
}

export const highestEffort: Adjustment = {
  type: "translated",
  message: "The API has no effort \"max\". Its highest one, \"xhigh\", was sent."
}

export const laxSchema: Adjustment = {
  type: "not-strict",
  message: "The server cannot enforce this schema: it was sent as a description."
}

export const noUsage: Adjustment = {
  type: "no-usage",
  message: "The server did not say what the call used."
}

/**
 * Client of the emulator's own paths: one request at a time, so that the page uses one connection.
 */

/** @import { Client } from "../Admin.ts" */
/** @import { Statistics } from "../../Statistics.ts" */
/** @import { Detail, Log } from "../RequestLog.ts" */

/**
 * A fault as JSON: durations are milliseconds or texts.
 *
 * @typedef {{ readonly type: string, readonly [field: string]: unknown }} Fault
 * @typedef {{ readonly id: number, readonly fault: Fault, readonly struck: number }} Pending
 */

/** @type {() => Promise<Client>} */
export const client = () => ask("GET", "client")

/** @type {() => Promise<Statistics>} */
export const statistics = () => ask("GET", "statistics")

/** @type {(after: number) => Promise<Log>} */
export const requests = (after) => ask("GET", `requests?after=${after}`)

/** @type {(number: number) => Promise<Detail>} */
export const request = (number) => ask("GET", `requests/${number}`)

/** @type {() => Promise<ReadonlyArray<Pending>>} */
export const faults = () => ask("GET", "faults")

/** @type {() => Promise<import("./faultForm.js").FaultSchema>} */
export const faultSchema = () => ask("GET", "faults/schema")

/** @type {(fault: Fault) => Promise<ReadonlyArray<number>>} */
export const inject = (fault) => ask("POST", "faults", fault)

/** @type {(id: number) => Promise<unknown>} */
export const removeFault = (id) => ask("DELETE", `faults/${id}`)

/** @type {() => Promise<unknown>} */
export const clearFaults = () => ask("DELETE", "faults")

/** An error response of the emulator. */
export class Refusal extends Error {}

/** The timeout: a connection fault may strike this page too. */
const timeout = 5_000

/** @type {Promise<unknown>} */
let previous = Promise.resolve()

/** @type {(method: string, path: string, body?: unknown) => Promise<any>} */
const ask = (method, path, body) => {
  const answer = previous.then(() => send(method, path, body))
  previous = answer.catch(() => {})
  return answer
}

/** @type {(method: string, path: string, body: unknown) => Promise<any>} */
const send = async (method, path, body) => {
  const response = await fetch(`/_strata/${path}`, {
    method,
    signal: AbortSignal.timeout(timeout),
    ...(body === undefined
      ? undefined
      : { headers: { "content-type": "application/json" }, body: JSON.stringify(body) })
  })
  const json = await response.json()
  if (!response.ok) throw new Refusal(json.message)
  return json
}

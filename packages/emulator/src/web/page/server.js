/**
 * Client of the emulator's own paths: one request at a time, so that the page uses one connection.
 */

/** @import { Client } from "../Admin.ts" */
/** @import { Overview } from "../Backend.ts" */
/** @import { Past } from "../../quota/History.ts" */
/** @import { Statistics } from "../../Statistics.ts" */
/** @import { Detail, Log } from "../RequestLog.ts" */

/**
 * A fault as JSON: durations are milliseconds or texts.
 *
 * @typedef {{ readonly type: string, readonly [field: string]: unknown }} Fault
 * @typedef {{ readonly id: number, readonly fault: Fault, readonly struck: number }} Pending
 */

/**
 * A batch job, as far as the page shows it.
 *
 * @typedef {{
 *   readonly jobArn: string
 *   readonly jobName: string
 *   readonly modelId: string
 *   readonly status: string
 *   readonly message?: string
 *   readonly submitTime: string
 *   readonly totalRecordCount?: number
 *   readonly processedRecordCount?: number
 *   readonly successRecordCount?: number
 *   readonly errorRecordCount?: number
 * }} Job
 */

/** @typedef {{ readonly path: string, readonly message: string }} Problem */

/** @type {() => Promise<Client>} */
export const client = () => ask("GET", "client")

/** @type {() => Promise<Statistics>} */
export const statistics = () => ask("GET", "statistics")

/** @type {() => Promise<Overview>} */
export const overview = () => ask("GET", "overview")

/** @type {(after: number) => Promise<Log>} */
export const requests = (after) => ask("GET", `requests?after=${after}`)

/** @type {(number: number) => Promise<Detail>} */
export const request = (number) => ask("GET", `requests/${number}`)

/** @type {() => Promise<Readonly<Record<string, Readonly<Record<string, Past>>>>>} */
export const quotaHistory = () => ask("GET", "quotas/history")

/** @type {() => Promise<ReadonlyArray<Pending>>} */
export const faults = () => ask("GET", "faults")

/** @type {() => Promise<import("./faultForm.js").FaultSchema>} */
export const faultSchema = () => ask("GET", "faults/schema")

/** @type {(fault: unknown) => Promise<ReadonlyArray<number>>} */
export const inject = (fault) => ask("POST", "faults", fault)

/** @type {(id: number, fault: unknown) => Promise<unknown>} */
export const replaceFault = (id, fault) => ask("PUT", `faults/${id}`, fault)

/** @type {(id: number) => Promise<unknown>} */
export const removeFault = (id) => ask("DELETE", `faults/${id}`)

/** @type {() => Promise<unknown>} */
export const clearFaults = () => ask("DELETE", "faults")

/** @type {() => Promise<unknown>} */
export const script = () => ask("GET", "script")

/** @type {(script: unknown) => Promise<unknown>} */
export const setScript = (script) => ask("PUT", "script", script)

/** @type {(on: boolean) => Promise<unknown>} */
export const setCapture = (on) => ask("PUT", "capture", { on })

/** @type {() => Promise<ReadonlyArray<Job>>} */
export const batches = () => ask("GET", "batches?limit=50")

/** @type {(id: string) => Promise<unknown>} */
export const stopBatch = (id) => ask("POST", `batches/${id}/stop`, {})

/** An error response of the emulator. `problems`: what is wrong at each path of what was sent; `remedy`: what to do. */
export class Refusal extends Error {
  /**
   * @param {string} message
   * @param {number} status
   * @param {ReadonlyArray<Problem>} problems
   * @param {string} remedy
   */
  constructor(message, status, problems, remedy) {
    super(message)
    this.status = status
    this.problems = problems
    this.remedy = remedy
  }
}

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
  if (response.ok) return json
  throw new Refusal(json.message ?? json.Message, response.status, json.problems ?? [], json.remedy ?? "")
}

/** The messages of JSON-RPC 2.0, read from any text: what is not one is `undefined`, never an error. */
import * as ExactJson from "@strata/core/ExactJson"
import { isObject } from "effect/Predicate"
import * as Result from "effect/Result"

export type Id = number | string

export type Params = Readonly<Record<string, unknown>>

/** A request or, without `id`, a notification of ours. */
export interface Outgoing {
  readonly method: string
  readonly params?: Params | undefined
  readonly id?: number | undefined
}

export interface Failure {
  readonly code: number | undefined
  readonly message: string
  readonly data: unknown
  /** Of an HTTP response. */
  readonly status?: number | undefined
}

export type Answer =
  | { readonly _tag: "Result"; readonly id: Id | undefined; readonly result: unknown }
  | { readonly _tag: "Failure"; readonly id: Id | undefined; readonly error: Failure }

export interface Request {
  readonly _tag: "Request"
  readonly id: Id
  readonly method: string
}

export interface Notification {
  readonly _tag: "Notification"
  readonly method: string
  readonly params: Params
}

export type Message = Answer | Request | Notification

/** The messages of a text: one, or a batch, as the version 2025-03-26 has them. */
export const read = (text: string): ReadonlyArray<Message> | undefined => {
  const json = Result.getOrUndefined(ExactJson.parse(text))
  if (!Array.isArray(json)) {
    const message = messageOf(json)
    return message && [message]
  }
  const messages = json.map(messageOf)
  return messages.length > 0 && messages.every((message) => message !== undefined) ? messages : undefined
}

const messageOf = (json: unknown): Message | undefined => {
  if (!isObject(json) || json["jsonrpc"] !== "2.0") return undefined
  const { error, id, method, params, result } = json
  const known = typeof id === "number" || typeof id === "string" ? id : undefined
  if (typeof method === "string") {
    return known === undefined
      ? { _tag: "Notification", method, params: isObject(params) ? params : {} }
      : { _tag: "Request", id: known, method }
  }
  if (error !== undefined) return { _tag: "Failure", id: known, error: failureOf(error) }
  return "result" in json ? { _tag: "Result", id: known, result } : undefined
}

/** Of any value: a server in trouble does not always write what the protocol says. */
export const failureOf = (error: unknown): Failure =>
  isObject(error)
    ? {
      code: typeof error["code"] === "number" ? error["code"] : undefined,
      message: typeof error["message"] === "string" ? error["message"] : "",
      data: error["data"]
    }
    : { code: undefined, message: typeof error === "string" ? error : "", data: undefined }

/** The text of a message; fails for what JSON cannot hold. */
export const write = ({ id, method, params }: Outgoing): Result.Result<string, unknown> =>
  Result.try(() => JSON.stringify({ jsonrpc: "2.0", id, method, params }))

/** Our answer to a request of the server: we have no features, so all but `ping` are unknown to us. */
export const reply = ({ id, method }: Request): string =>
  JSON.stringify(
    method === "ping"
      ? { jsonrpc: "2.0", id, result: {} }
      : { jsonrpc: "2.0", id, error: { code: -32601, message: "Method not found" } }
  )

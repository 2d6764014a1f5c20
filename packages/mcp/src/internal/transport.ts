/** What a way to a server does: carry requests and notifications of one connection. */
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as McpError from "../McpError.ts"
import type * as JsonRpc from "./jsonRpc.ts"

/** One connection: a process, or a session over HTTP. */
export interface Transport {
  /** Sends a request and waits for the answer. Interrupting it frees what waits, and does not cancel at the server. */
  readonly request: (
    request: JsonRpc.Outgoing & { readonly id: number }
  ) => Effect.Effect<JsonRpc.Answer, McpError.McpError>
  readonly notify: (notification: JsonRpc.Outgoing) => Effect.Effect<void, McpError.McpError>
  /** Called once, after the handshake. `listen`: whether the server sends notices of its own. */
  readonly begin: (version: string, listen: boolean) => Effect.Effect<void>
  /** Whether the server gave the connection an id, which it may forget. */
  readonly hasSession: () => boolean
}

/** What a transport tells of its connection. */
export interface Host {
  readonly server: string
  readonly maxMessageBytes: number
  readonly receive: (notification: JsonRpc.Notification) => Effect.Effect<void>
  /** The connection is over; pending requests have failed. */
  readonly lost: (error: McpError.McpError) => Effect.Effect<void>
  readonly diagnose: (line: string) => void
}

export type Open = (host: Host) => Effect.Effect<Transport, McpError.McpError, Scope.Scope>

/** The error of a server; `message` says what happened. */
export const fail = (
  server: string,
  reason: McpError.Reason,
  outcome: McpError.Outcome,
  message: string,
  more: Partial<Pick<McpError.McpError, "cause" | "code" | "exitCode" | "status" | "stderr" | "tool">> = {}
): McpError.McpError =>
  new McpError.McpError({ server, reason, outcome, message: `MCP server "${server}": ${message}`, ...more })

/** A text of the server, of at most `most` characters and without control characters. */
export const excerpt = (text: string, most = 500): string => {
  const line = text.slice(0, most).replaceAll(control, " ").trim()
  return text.length > most ? `${line}…` : line
}

// eslint-disable-next-line no-control-regex
const control = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g

/** The last lines of something, each cut. */
export const makeTail = (most: number) => {
  const kept: Array<string> = []
  return {
    add: (text: string): void => {
      const line = excerpt(text)
      if (line === "") return
      if (kept.push(line) > most) kept.shift()
    },
    lines: (): ReadonlyArray<string> => [...kept]
  }
}

/** Splits text into lines; `overflow` is called once for a line that is longer than `most`, which is left out. */
export const makeLines = (most: number, overflow: () => void) => {
  let pending: Array<string> = []
  let length = 0
  let isSkipping = false
  const keep = (piece: string): void => {
    if (isSkipping) return
    length += piece.length
    if (length <= most) {
      pending.push(piece)
      return
    }
    isSkipping = true
    pending = []
    overflow()
  }
  return (chunk: string): ReadonlyArray<string> => {
    const lines: Array<string> = []
    let start = 0
    for (let end = chunk.indexOf("\n"); end >= 0; end = chunk.indexOf("\n", start)) {
      keep(chunk.slice(start, end))
      if (!isSkipping) lines.push(pending.join(""))
      pending = []
      length = 0
      isSkipping = false
      start = end + 1
    }
    keep(chunk.slice(start))
    return lines
  }
}

/** An error with the server's name of the tool that was called. */
export const ofTool = (error: McpError.McpError, tool: string): McpError.McpError =>
  error.tool === tool ? error : new McpError.McpError({ ...fieldsOf(error), tool })

/** What kept a request from being sent. */
export const notRun = (error: McpError.McpError, more = ""): McpError.McpError =>
  error.outcome === "not-run" && more === ""
    ? error
    : new McpError.McpError({ ...fieldsOf(error), outcome: "not-run", message: `${error.message}${more}` })

const fieldsOf = (error: McpError.McpError) => {
  const { cause, code, exitCode, message, outcome, reason, server, status, stderr, tool } = error
  return {
    server,
    reason,
    outcome,
    message,
    ...(tool !== undefined && { tool }),
    ...(exitCode !== undefined && { exitCode }),
    ...(stderr !== undefined && { stderr }),
    ...(code !== undefined && { code }),
    ...(status !== undefined && { status }),
    ...(cause !== undefined && { cause })
  }
}

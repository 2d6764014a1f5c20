/**
 * TLS tickets: with the last one a server gave, a later handshake resumes and needs no certificate and no signature.
 *
 * Node's agents keep tickets as well, each for itself. These are common to all connections of a transport, and can be
 * waited for.
 */
import * as LeastRecent from "../internal/leastRecent.ts"

/**
 * By server, `host:port`.
 *
 * - `drop`: the ticket that a handshake failed with, unless there is another since.
 * - `begin`, `end`: of each handshake, which `succeeded` or not. The tickets of TLS 1.3 come a round trip later.
 * - `first`: resolves with the first ticket, or when none is to be expected: no handshake that is under way, or no ticket
 *   in time. A server that gave none after a handshake is not waited for again. `undefined` when there is nothing to
 *   wait for.
 */
export interface Tickets {
  readonly get: (server: string) => Buffer | undefined
  readonly put: (server: string, ticket: Buffer) => void
  readonly drop: (server: string, ticket: Buffer | undefined) => void
  readonly begin: (server: string) => void
  readonly end: (server: string, succeeded: boolean) => void
  readonly first: (server: string) => Promise<void> | undefined
}

interface Entry {
  ticket: Buffer | undefined
  handshakes: number
  /** Whether a handshake has succeeded. */
  secured: boolean
  /** Whether there was a ticket, or the server gives none. */
  settled: boolean
  waiting: Waiting | undefined
}

interface Waiting {
  readonly ends: Array<() => void>
  timer: NodeJS.Timeout
}

/** No server has given any yet. */
export const make = (): Tickets => {
  const servers = LeastRecent.make<Entry>(mostServers)
  const entryOf = (server: string): Entry => {
    const known = servers.get(server)
    if (known !== undefined) return known
    const entry: Entry = { ticket: undefined, handshakes: 0, secured: false, settled: false, waiting: undefined }
    servers.set(server, entry)
    return entry
  }
  const release = (entry: Entry) => {
    const { waiting } = entry
    entry.waiting = undefined
    clearTimeout(waiting?.timer)
    waiting?.ends.forEach((end) => end())
  }
  const settle = (entry: Entry) => {
    entry.settled = true
    release(entry)
  }
  const timer = (entry: Entry) =>
    entry.secured
      ? setTimeout(() => settle(entry), patience.ticket)
      : setTimeout(() => release(entry), patience.handshake)
  return {
    get: (server) => servers.get(server)?.ticket,
    put: (server, ticket) => {
      const entry = entryOf(server)
      entry.ticket = ticket
      settle(entry)
    },
    drop: (server, ticket) => {
      const entry = servers.get(server)
      if (entry !== undefined && entry.ticket === ticket) entry.ticket = undefined
    },
    begin: (server) => {
      entryOf(server).handshakes++
    },
    end: (server, succeeded) => {
      const entry = entryOf(server)
      entry.handshakes--
      const first = succeeded && !entry.secured
      entry.secured ||= succeeded
      if (!entry.secured && entry.handshakes <= 0) release(entry)
      if (!first || entry.waiting === undefined) return
      clearTimeout(entry.waiting.timer)
      entry.waiting.timer = timer(entry)
    },
    first: (server) => {
      const entry = entryOf(server)
      if (entry.settled) return undefined
      return new Promise((resolve) => {
        entry.waiting ??= { ends: [], timer: timer(entry) }
        entry.waiting.ends.push(resolve)
      })
    }
  }
}

/** Milliseconds to wait for the first handshake to end, and for the ticket after it. */
const patience = { handshake: 2000, ticket: 500 }

/** A region is a server. */
const mostServers = 64

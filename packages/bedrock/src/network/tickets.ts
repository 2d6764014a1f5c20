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
 * - `expect`: a handshake has ended. The tickets of TLS 1.3 come a round trip later.
 * - `first`: resolves with the first ticket. A server that gave none in time is not waited for again. `undefined` when
 *   there is nothing to wait for.
 */
export interface Tickets {
  readonly get: (server: string) => Buffer | undefined
  readonly put: (server: string, ticket: Buffer) => void
  readonly drop: (server: string, ticket: Buffer | undefined) => void
  readonly expect: (server: string) => void
  readonly first: (server: string) => Promise<void> | undefined
}

interface Entry {
  ticket: Buffer | undefined
  /** Whether a handshake has ended. */
  secured: boolean
  /** Whether the first ticket has come, or is not waited for any more. */
  settled: boolean
  first: Promise<void> | undefined
  release: () => void
  timer: NodeJS.Timeout | undefined
}

/** No server has given any yet. */
export const make = (): Tickets => {
  const servers = LeastRecent.make<Entry>(mostServers)
  const entryOf = (server: string): Entry => {
    const known = servers.get(server)
    if (known !== undefined) return known
    const entry: Entry = {
      ticket: undefined,
      secured: false,
      settled: false,
      first: undefined,
      release: () => {},
      timer: undefined
    }
    servers.set(server, entry)
    return entry
  }
  const settle = (entry: Entry) => {
    clearTimeout(entry.timer)
    entry.settled = true
    entry.release()
  }
  const settleAfter = (entry: Entry, millis: number) => {
    clearTimeout(entry.timer)
    entry.timer = setTimeout(() => settle(entry), millis)
  }
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
    expect: (server) => {
      const entry = entryOf(server)
      if (entry.secured) return
      entry.secured = true
      if (entry.first !== undefined && !entry.settled) settleAfter(entry, patience.ticket)
    },
    first: (server) => {
      const entry = entryOf(server)
      if (entry.settled) return undefined
      if (entry.first !== undefined) return entry.first
      settleAfter(entry, entry.secured ? patience.ticket : patience.handshake)
      return entry.first = new Promise((resolve) => {
        entry.release = resolve
      })
    }
  }
}

/** Milliseconds to wait for the first handshake to end, and for the ticket after it. */
const patience = { handshake: 2000, ticket: 500 }

/** A region is a server. */
const mostServers = 64

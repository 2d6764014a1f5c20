/**
 * What an emulator sent, as it goes to the clients: how many events, and, where bodies are captured, the answers
 * themselves, which are exchanges of a recording.
 *
 * Bounded by bytes: the oldest answers are dropped first. Without capture only events and bytes are counted.
 */
import type * as Exchange from "../http/Exchange.ts"
import * as AnswerText from "./AnswerText.ts"
import * as Content from "./Content.ts"
import * as EventFrame from "./EventFrame.ts"
import type * as Recording from "./Recording.ts"
import * as Secret from "./Secret.ts"
import * as Transcript from "./Transcript.ts"

/** What a request must say of itself; `answer` is the text that is kept of its answer, and `outcome` how it ended. */
export interface Asked {
  readonly operation: string | undefined
  readonly path: string
  readonly headers: Exchange.Headers
  readonly scheme: string | undefined
  readonly body: unknown
  readonly outcome: string
  answer: string | undefined
}

/**
 * One answer that goes to a client.
 *
 * - `began`: its status and headers are sent. `sent`: these bytes of its body are; returns what they add to the events
 *   and to the text.
 */
export interface Answer {
  readonly began: (status: number, headers: Exchange.Headers, at: number) => void
  readonly sent: (bytes: Uint8Array, at: number) => Sent
}

/** The number of events in some bytes, and the text that is kept of the answer so far. */
export interface Sent {
  readonly events: number
  readonly text: string | undefined
}

/**
 * - `answer`: begins the one of a request. `forget`: drops it.
 * - `body`: what was sent of an answer that is not a stream. `exchanges`: those of the requests, in their order, as far as
 *   they are kept whole and can be replayed; `count`: how many.
 * - `resize`: keeps so many bytes from now on; 0 drops all. `bytes`: those kept.
 */
export interface Capture {
  readonly answer: (attempt: Asked, request: Pick<Exchange.Exchange, "method" | "headers">) => Answer
  readonly forget: (attempt: Asked) => void
  readonly body: (attempt: Asked) => Recording.Content | undefined
  readonly exchanges: (requests: ReadonlyArray<Asked>) => ReadonlyArray<Recording.Exchange>
  readonly count: (requests: ReadonlyArray<Asked>) => number
  readonly resize: (capacity: number) => void
  readonly bytes: () => number
}

/** The most that is shown of the text of an answer, in characters. */
export const maxText = 64_000

/** Keeps answers of `capacity` bytes in all. */
export const make = (capacity: number): Capture => {
  const answers = new Map<Asked, Kept>()
  let room = capacity
  let total = 0
  const forget = (attempt: Asked) => {
    total -= answers.get(attempt)?.size ?? 0
    answers.delete(attempt)
    attempt.answer = undefined
  }
  const grow = (kept: Kept, bytes: number) => {
    kept.size += bytes
    total += bytes
    for (const oldest of answers.keys()) {
      if (total <= room) break
      forget(oldest)
    }
  }
  return {
    forget,
    bytes: () => total,
    resize: (capacity) => {
      room = capacity
      for (const oldest of answers.keys()) {
        if (total <= room && room > 0) break
        forget(oldest)
      }
    },
    answer: (attempt, { headers, method }) => {
      const kept = room === 0 ? undefined : makeKept(method, Secret.ofRequest(headers))
      if (kept !== undefined) answers.set(attempt, kept)
      let count: (bytes: Uint8Array) => Counted = () => ({ events: 0, frames: [] })
      return {
        began: (status, headers, at) => {
          count = counterOf(headers["content-type"])
          if (kept === undefined) return
          Object.assign(kept, { status, headers, at })
          // objects of S3 would take the room of answers
          if (attempt.operation !== undefined && !replayed.has(attempt.operation)) forget(attempt)
        },
        sent: (bytes, at) => {
          const { events, frames } = count(bytes)
          if (kept === undefined || answers.get(attempt) !== kept) return { events, text: undefined }
          if (frames === undefined) kept.add(bytes)
          else for (const frame of frames) kept.event(frame, at)
          grow(kept, bytes.length + events * overhead)
          return { events, text: answers.has(attempt) ? kept.text() : undefined }
        }
      }
    },
    body: (attempt) => {
      const kept = answers.get(attempt)
      return kept === undefined || kept.status === undefined || kept.isStream() ? undefined : kept.content()
    },
    count: (requests) => requests.filter((attempt) => isReplayable(attempt, answers.get(attempt))).length,
    exchanges: (requests) =>
      requests.flatMap((attempt) => {
        const kept = answers.get(attempt)
        return kept !== undefined && isReplayable(attempt, kept) ? [exchangeOf(attempt, kept)] : []
      })
  }
}

/** What an event costs besides its bytes. */
const overhead = 256

/** The events in some bytes: whole frames, or `undefined` where they are lines of text or a body. */
interface Counted {
  readonly events: number
  readonly frames: ReadonlyArray<Uint8Array> | undefined
}

const counterOf = (contentType = ""): (bytes: Uint8Array) => Counted => {
  if (contentType === eventStream) {
    const cutter = EventFrame.makeCutter()
    return (bytes) => {
      const frames = cutter.push(bytes)
      return { events: frames.length, frames }
    }
  }
  if (!contentType.startsWith(serverSent)) return () => ({ events: 0, frames: undefined })
  // a line that is cut is counted where it begins
  let atLineStart = true
  return (bytes) => {
    const text = Buffer.from(bytes).toString("latin1")
    const inside = text.match(/\ndata:/g)?.length ?? 0
    const events = inside + (atLineStart && text.startsWith("data:") ? 1 : 0)
    atLineStart = text.endsWith("\n")
    return { events, frames: undefined }
  }
}

const eventStream = "application/vnd.amazon.eventstream"

const serverSent = "text/event-stream"

/** What is kept of one answer. */
interface Kept {
  readonly method: string
  readonly secrets: ReadonlyArray<string>
  status: number | undefined
  headers: Exchange.Headers
  at: number
  size: number
  readonly add: (bytes: Uint8Array) => void
  readonly event: (frame: Uint8Array, at: number) => void
  readonly isStream: () => boolean
  readonly text: () => string | undefined
  readonly content: () => Recording.Content
  readonly said: () => Pick<Recording.Response, "body" | "bytes" | "text" | "events">
}

const makeKept = (method: string, secrets: ReadonlyArray<string>): Kept => {
  const pieces: Array<Uint8Array> = []
  const events: Array<Recording.Event> = []
  const decoder = new TextDecoder()
  let text = ""
  let line = ""
  const say = (more: string) => {
    text = (text + more).slice(0, maxText)
  }
  const content = () => Content.fromBytes(Buffer.concat(pieces))
  const is = (type: string) => kept.headers["content-type"]?.startsWith(type) === true
  const kept: Kept = {
    method,
    secrets,
    status: undefined,
    headers: {},
    at: 0,
    size: 0,
    add: (bytes) => {
      pieces.push(Uint8Array.from(bytes))
      if (!is(serverSent)) return
      line += decoder.decode(bytes, { stream: true })
      const end = line.lastIndexOf("\n") + 1
      say(AnswerText.ofLines(line.slice(0, end)))
      line = line.slice(end)
    },
    event: (frame, at) => {
      const event = EventFrame.toEvent(frame, at)
      events.push(event)
      say(AnswerText.ofEvent(event))
    },
    isStream: () => is(eventStream) || is(serverSent),
    text: () => kept.isStream() ? text : undefined,
    content,
    said: () => is(eventStream) ? { events } : content()
  }
  return kept
}

/** Whether its request was authenticated, and its answer was sent as far as it goes. */
const isReplayable = (attempt: Asked, kept: Kept | undefined): boolean => {
  const { body, operation = "", outcome, scheme } = attempt
  if (kept?.status === undefined || body === undefined || scheme === undefined || !replayed.has(operation)) return false
  return outcome === "completed" || (kept.isStream() && (outcome === "aborted" || outcome === "dropped"))
}

const exchangeOf = (attempt: Asked, kept: Kept): Recording.Exchange => {
  const { at, headers, method, secrets, status = 0 } = kept
  const isWhole = attempt.outcome === "completed"
  const scrub = Secret.scrubber(secrets)
  const { events, ...content } = kept.said()
  return {
    request: Transcript.request(
      {
        method,
        target: attempt.path,
        headers: attempt.headers,
        body: encoder.encode(JSON.stringify(attempt.body))
      },
      scrub
    ),
    response: Transcript.response({ status, at, headers }, {
      ...Transcript.content(content, scrub),
      ...(events === undefined ? undefined : { events: events.map((event) => Transcript.event(event, scrub)) }),
      ...(isWhole ? undefined : { end: attempt.outcome === "aborted" ? "abandoned" : "broken" })
    }, scrub)
  }
}

const encoder = new TextEncoder()

/** The operations that a replay answers. */
const replayed: ReadonlySet<string> = new Set([
  "ApplyGuardrail",
  "Converse",
  "ConverseStream",
  "CountTokens",
  "InvokeModel",
  "InvokeModelWithResponseStream",
  "CreateChatCompletion",
  "CreateChatCompletionStream",
  "CreateResponse",
  "CreateResponseStream",
  "CreateEmbeddings"
])

/**
 * What is compared, and how it is told.
 */

export type Size = "quick" | "whole"

/** By name: what was measured in one process, or the median of several. */
export type Figures = Readonly<Record<string, number>>

export type WorkloadName = "throughput" | "burst" | "stream" | "distance" | "embed" | "refused"

/** `more`: figures of which more is better; of all others, less. */
export interface Workload {
  readonly title: string
  readonly about: string
  readonly more: ReadonlyArray<string>
}

export const workloads: Readonly<Record<WorkloadName, Workload>> = {
  throughput: {
    title: "Throughput",
    about: "64 calls in flight to a server that answers at once: what the client itself costs.",
    more: ["calls/s"]
  },
  burst: {
    title: "Bursts",
    about:
      "So many calls of 500 ms at once over TLS: cold without an open connection, warm with those of the cold burst.",
    more: []
  },
  stream: {
    title: "Streams",
    about: "Text deltas of one stream and of 16 at once; the server writes one event at a time, or 32.",
    more: [
      "1 × 1 a write, events/s",
      "16 × 1 a write, events/s",
      "1 × 32 a write, events/s",
      "16 × 32 a write, events/s"
    ]
  },
  distance: {
    title: "Distance",
    about: "One call at a time over TLS to a server 20 ms away (round trip).",
    more: []
  },
  embed: {
    title: "Embeddings",
    about: "Texts through models that take 96 a request (Cohere) and one (Titan), 50 requests in flight, 50 ms each.",
    more: []
  },
  refused: {
    title: "Refusals",
    about: "1,000 calls, 64 in flight, of which the service throttles 300 once: time, and calls that were lost.",
    more: []
  }
}

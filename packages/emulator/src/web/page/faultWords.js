/**
 * The words of the form for faults: what each does, and the labels of its fields.
 */

/** @type {Readonly<Record<string, Readonly<Record<string, string>>>>} */
export const meanings = {
  "Instead of an answer": {
    throttle: "429 ThrottlingException.",
    exception: "Any exception, with its usual status.",
    stall: "The request is accepted and never answered; after some events, a stream stalls.",
    reset: "The connection drops; after some bytes, in the middle of the answer.",
    resetStream: "The HTTP/2 stream alone ends, by RST_STREAM.",
    halfOpen: "The connection is no longer read, written or closed.",
    goaway: "The connection accepts no further requests; with a code, not even this one."
  },
  "With the answer": {
    latency: "The response is delayed.",
    garbage: "A body that is not a response of the service.",
    emptyBody: "200 and nothing.",
    contentType: "The right body with a wrong content type.",
    half: "Only a part of the body.",
    huge: "A chat model answers with megabytes of text."
  },
  "Inside a stream": {
    slow: "A pause before each event but the first.",
    truncateStream: "It ends normally, too early.",
    streamException: "An exception frame.",
    errorFrame: "An error frame.",
    corruptFrame: "A frame has a wrong checksum, or half of its JSON.",
    missingEnd: "A stream of OpenAI's dialect lacks what tells its end."
  },
  "Batch jobs": {
    jobFailure: "It fails when it is validated.",
    jobExpiry: "It expires at its timeout, with a part of its records done.",
    jobPartial: "It is partially completed.",
    jobStop: "It is stopped in the middle.",
    recordErrors: "Records get an error instead of an answer.",
    missingRecords: "Answers are left out of the output.",
    doubledRecords: "Answers are written twice.",
    foreignRecords: "Answers under ids that no record has."
  },
  "New connections, including this page's": {
    refuseConnection: "Closed at once, by a reset.",
    stallConnection: "Accepted, and never served."
  }
}

export const matchers = ["operation", "model", "region", "text", "attempt"]

export const occasions = ["times", "probability", "lasting"]

export const rarely = ["skip", "after", "every", "burst", "seed"]

/** @type {Readonly<Record<string, readonly [label: string, placeholder?: string]>>} */
export const words = {
  operation: ["Operation"],
  model: ["Model", "any"],
  region: ["Region", "any"],
  text: ["Text in the body", "any"],
  attempt: ["Only this try", "every"],
  times: ["Times", "1, or ∞"],
  probability: ["Probability", "0 to 1"],
  lasting: ["For", "10 seconds"],
  skip: ["Spare the first", "0"],
  after: ["Not before", "2 seconds"],
  every: ["In every", "1 second"],
  burst: ["Only for", "200 ms"],
  seed: ["Seed", "its number"],
  duration: ["Duration", "500 ms"],
  pause: ["Pause", "200 ms"],
  upTo: ["Up to", "the same"],
  retryAfter: ["Retry after", "none"],
  status: ["Status", "200"],
  fraction: ["Fraction", "0.5"],
  megabytes: ["Megabytes", "10"],
  count: ["Records", "1"],
  errorCode: ["Error code", "400"],
  errorMessage: ["Error message", "bad request"]
}

/**
 * Plays mutated answers to the product's clients: no defects, no values of wrong types, no messages of JavaScript
 * engines, constant memory.
 *
 * A case is determined by the seed and its number, so that `--only "stream 123"` repeats it.
 */
import { ProviderError } from "@strata/core"
import * as Arr from "effect/Array"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as V8 from "node:v8"
import * as Vm from "node:vm"
import * as Check from "../Check.ts"
import type { File, Recording } from "../Recording.ts"
import * as Bytes from "./Bytes.ts"
import * as Cases from "./Cases.ts"
import * as Seeded from "./Seeded.ts"
import * as Stub from "./Stub.ts"

/** The number of mutated streams and other answers, and the seed. `only`: the name of one case. */
export interface Options {
  readonly streams: number
  readonly bodies: number
  readonly seed: number
  readonly only?: string | undefined
}

/** A failed case. */
export interface Failure {
  readonly name: string
  readonly of: string
  readonly problem: string
  readonly detail: string
}

/**
 * - `memory`: megabytes in use after a fifth of the cases and at the end.
 * - `failures`: at most {@link most} of each kind; `problems`: the number of each kind.
 */
export interface Report {
  readonly cases: number
  readonly milliseconds: number
  readonly memory: { readonly early: number; readonly late: number }
  readonly problems: Readonly<Record<string, number>>
  readonly failures: ReadonlyArray<Failure>
}

/** The maximum number of failures kept per problem. */
const most = 20

/** The maximum growth of memory, in megabytes. */
const mostGrowth = 16

/** The limits of one case: memory beyond a small multiple of its bytes, and time. */
const mostBytes = 48_000_000
const mostMilliseconds = 5_000

/** Whether there are no failures. */
export const isPassed = ({ failures, memory }: Report): boolean =>
  failures.length === 0 && memory.late - memory.early <= mostGrowth

/** The report as text. */
export const toText = (report: Report, told: number): string => {
  const { cases, failures, memory, milliseconds, problems } = report
  return [
    `${cases} mutated answers in ${(milliseconds / 1000).toFixed(1)} s, ${
      failures.length === 0 ? "nothing wrong" : `${Object.values(problems).reduce((sum, n) => sum + n, 0)} went wrong`
    }`,
    `memory: ${memory.early.toFixed(1)} MB after a fifth of them, ${memory.late.toFixed(1)} MB at the end${
      memory.late - memory.early <= mostGrowth ? "" : ": FAILED, it grows"
    }`,
    ...Object.entries(Arr.groupBy(failures, ({ problem }) => problem)).toSorted(([one], [other]) =>
      (problems[other] ?? 0) - (problems[one] ?? 0)
    ).flatMap(([problem, group]) => [
      `FAILED ${problem} (${problems[problem] ?? 0})`,
      ...group.slice(0, told).map(({ detail, name, of }) => `  ${name}, of ${of}\n    ${detail.slice(0, 400)}`)
    ])
  ].join("\n")
}

/** Plays all cases. */
export const run = Effect.fnUntraced(function*(files: ReadonlyArray<File>, options: Options) {
  const corpus = corpusOf(files)
  const log = makeLog()
  const clock = yield* Clock.Clock
  const started = clock.currentTimeMillisUnsafe()
  let next: Stub.Next = { status: 200, headers: {}, pieces: [] }
  const memory = { early: 0, late: 0 }
  const names = caseNames(options)
  const playAll = Effect.gen(function*() {
    for (const [index, { kind, number }] of names.entries()) {
      if (index === Math.floor(names.length / 5)) memory.early = inUse()
      const random = Seeded.make(Seeded.derive(options.seed * (kind === "stream" ? 1 : 3), number))
      const recording = random.pick(corpus[kind])
      if (recording === undefined) continue
      const mutated = mutate(kind, recording, random)
      log.at(`${kind} ${number}`)
      for (const call of Cases.callsFor(recording)) {
        next = { ...mutated, pieces: Stub.pieces(mutated.body, random) }
        const before = allocated()
        const begun = clock.currentTimeMillisUnsafe()
        const outcome = yield* Check.outcomeOf(call)
        const note = (problem: string, detail: string) =>
          log.add({ name: `${kind} ${number}`, of: recording.id, problem, detail })
        const bytes = allocated() - before
        if (bytes > mostBytes + 200 * mutated.body.length) {
          note("memory", `${(bytes / 1e6).toFixed(0)} MB for ${mutated.body.length} bytes`)
        }
        const took = clock.currentTimeMillisUnsafe() - begun
        if (took > mostMilliseconds) note("time", `${took} ms for ${mutated.body.length} bytes`)
        inspect(outcome, note)
      }
    }
  })
  yield* playAll.pipe(
    Effect.provide(Stub.layer(() => next)),
    Effect.ensuring(Effect.sync(log.close))
  )
  memory.late = inUse()
  const report: Report = {
    cases: names.length,
    milliseconds: clock.currentTimeMillisUnsafe() - started,
    memory,
    ...log.told()
  }
  return report
})

type Kind = "stream" | "body"

const caseNames = ({ bodies, only = "", streams }: Options) =>
  ([["stream", streams], ["body", bodies]] as const).flatMap(([kind, count]) =>
    Array.from({ length: count }, (_, number) => ({ kind, number }))
  ).filter(({ kind, number }) => only === "" || only === `${kind} ${number}`)

/** The answers to mutate, short enough that a hundred thousand of them take minutes. */
const corpusOf = (files: ReadonlyArray<File>): Readonly<Record<Kind, ReadonlyArray<Recording>>> => {
  const all = files.flatMap(({ recordings }) => recordings).filter((recording) =>
    recording.body.length <= 24_000 && Cases.callsFor(recording).length > 0
  )
  const isStream = ({ op, status }: Recording) => op.endsWith("stream") && status === 200
  return { stream: all.filter(isStream), body: all.filter((recording) => !isStream(recording)) }
}

const mutate = (kind: Kind, recording: Recording, random: Seeded.Seeded) => {
  if (kind === "stream") return { ...recording, body: Bytes.stream(recording.body, random) }
  const header = random.chance(0.2) ? random.pick(headerNames) : undefined
  return {
    status: random.chance(0.1) ? random.pick(statuses) ?? 200 : recording.status,
    headers: header === undefined
      ? recording.headers
      : { ...recording.headers, [header]: random.pick(headerValues) ?? "" },
    body: Bytes.body(recording.body, random)
  }
}

const statuses = [200, 204, 206, 301, 400, 401, 403, 404, 413, 418, 424, 429, 500, 502, 503, 529]

const headerNames = [
  "content-type",
  "x-amzn-bedrock-input-token-count",
  "x-amzn-bedrock-invocation-latency",
  "x-amzn-errortype",
  "x-amzn-requestid",
  "retry-after"
]

const headerValues = [
  "",
  "-1",
  "1e999",
  "NaN",
  "1.5",
  "99999999999999999999",
  "text/html",
  "__proto__",
  "x:y#z",
  "\u00ff"
]

const inspect = (
  outcome: Check.Outcome<Cases.Problems>,
  note: (problem: string, detail: string) => void
): void => {
  switch (outcome.type) {
    case "defect":
      return note(kindOf("defect", outcome.defect), outcome.defect)
    case "value":
      return outcome.value.forEach((detail) => note(kindOf("wrong type", detail), detail))
    case "error":
      return errorsIn(outcome.error).forEach((error) => {
        const detail = `${error._tag}: ${error.message}`
        if (Cases.rawMessage.test(error.message)) note(kindOf("raw message", detail), detail)
      })
  }
}

/** The group of a problem: its first line without numbers and names. */
const kindOf = (problem: string, detail: string): string => {
  const [line = ""] = detail.split("\n")
  return `${problem}: ${line.replace(/: \{.*$/, "").replaceAll(/\d+/g, "#").slice(0, 100)}`
}

/** An error, and our errors among its causes. */
const errorsIn = (error: ProviderError.ProviderError): ReadonlyArray<ProviderError.ProviderError> =>
  ProviderError.isProviderError(error.cause) ? [error, ...errorsIn(error.cause)] : [error]

/** Counts problems, unhandled rejections included. */
const makeLog = () => {
  const problems: Record<string, number> = {}
  const failures: Array<Failure> = []
  let current = ""
  const add = (failure: Failure): void => {
    const count = (problems[failure.problem] ?? 0) + 1
    problems[failure.problem] = count
    if (count <= most) failures.push(failure)
  }
  const unhandled = (error: unknown): void =>
    add({ name: current, of: "this or a case before", problem: "unhandled rejection", detail: String(error) })
  process.on("unhandledRejection", unhandled)
  return {
    add,
    at: (name: string) => {
      current = name
    },
    close: () => void process.off("unhandledRejection", unhandled),
    told: () => ({ problems, failures })
  }
}

const collectGarbage: () => void = (() => {
  V8.setFlagsFromString("--expose-gc")
  return Vm.runInNewContext("gc") as () => void // what the flag puts there
})()

/** Allocated bytes, garbage included; cheaper than `process.memoryUsage`. */
const allocated = (): number => {
  const { external_memory, used_heap_size } = V8.getHeapStatistics()
  return used_heap_size + external_memory
}

/** Megabytes in use. */
const inUse = (): number => {
  collectGarbage()
  return allocated() / 1e6
}

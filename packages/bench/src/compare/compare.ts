/**
 * Strata beside the AWS SDK and other clients: each client in a fresh process with a server of its own, one after the other,
 * round by round, so that a busy minute of the machine hits all of them. Prints medians with their range and ratios.
 *
 *     pnpm bench                     everything, about fifteen minutes; writes docs/performance.md and its chart
 *     pnpm bench --quick             a short look, under two minutes; writes nothing
 *     pnpm bench throughput stream   some of the workloads
 */
import { SelfSigned } from "@strata/emulator"
import { Clock, Console, Effect, FileSystem, Path, type PlatformError, Redacted, Schema, Stream } from "effect"
import { ChildProcess, ChildProcessSpawner } from "effect/process"
import * as Os from "node:os"
import { clients } from "./Client.ts"
import * as Peers from "./Peers.ts"
import * as Report from "./Report.ts"
import { type Figures, type Size, type WorkloadName, workloads } from "./Workload.ts"

class ComparisonError extends Schema.TaggedError<ComparisonError>()("ComparisonError", { message: Schema.String }) {}

/** What a comparison fails with, and needs. */
export type Comparison = Effect.Effect<
  void,
  ComparisonError | Peers.PeersError | PlatformError.PlatformError,
  ChildProcessSpawner.ChildProcessSpawner | FileSystem.FileSystem | Path.Path
>

const Line = Schema.fromJsonString(Schema.Record(Schema.String, Schema.Finite))

const isName = (word: string): word is WorkloadName => Object.hasOwn(workloads, word)

/** `words`: workloads, and `--quick`. */
export const run = (words: ReadonlyArray<string>): Comparison =>
  Effect.scoped(Effect.gen(function*() {
    const size: Size = words.includes("--quick") ? "quick" : "whole"
    const asked = words.filter((word) => word !== "--quick")
    const names = asked.length === 0 ? Object.keys(workloads).filter(isName) : asked.filter(isName)
    yield* Peers.install
    const certificate = yield* makeCertificate
    const start = yield* Clock.currentTimeMillis
    const results = new Map<WorkloadName, Report.Rounds>()
    for (const name of names) {
      results.set(name, yield* compare(name, size, certificate))
      yield* Console.log(`${Report.table(name, results.get(name)!)}\n`)
    }
    const seconds = Math.round(((yield* Clock.currentTimeMillis) - start) / 1000)
    yield* Console.log(`${seconds} seconds, on ${machine()}`)
    if (size === "whole" && asked.length === 0) yield* write(results)
  }))

const machine = (): string => {
  const [cpu] = Os.cpus()
  return `${Os.availableParallelism()} cores (${cpu?.model ?? "unknown"}), Node ${process.versions.node}`
}

/** An odd number, so that the median is one of them. */
const rounds = { quick: 1, whole: 3 }

const compare = Effect.fnUntraced(function*(name: WorkloadName, size: Size, certificate: Certificate) {
  const measured = new Map<string, ReadonlyArray<Figures>>()
  for (let round = 0; round < rounds[size]; round++) {
    for (const client of Object.keys(clients)) {
      const figures = yield* measure(client, name, size, certificate)
      measured.set(client, [...measured.get(client) ?? [], figures])
    }
  }
  return measured
})

const measure = Effect.fnUntraced(function*(
  client: string,
  name: WorkloadName,
  size: Size,
  { authority, certificate, key }: Certificate
) {
  const worker = new URL("Worker.ts", import.meta.url)
  const child = yield* ChildProcess.make(
    process.execPath,
    ["--no-warnings", worker.pathname, client, name, size, certificate, key],
    {
      stderr: "inherit",
      extendEnv: true,
      env: {
        NODE_EXTRA_CA_CERTS: authority,
        AWS_EC2_METADATA_DISABLED: "true",
        AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: "true"
      }
    }
  )
  const line = yield* child.stdout.pipe(Stream.decodeText(), Stream.splitLines, Stream.runLast)
  return yield* Effect.flatMap(Effect.fromOption(line), Schema.decodeUnknownEffect(Line)).pipe(
    Effect.mapError(() => new ComparisonError({ message: `${client} did not finish ${name}; its reason is above` }))
  )
})

/** Paths of PEM files. */
interface Certificate {
  readonly authority: string
  readonly certificate: string
  readonly key: string
}

/** A throwaway certificate for this machine, as files, since Node reads what it trusts at its start. */
const makeCertificate = Effect.gen(function*() {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const directory = yield* fs.makeTempDirectoryScoped()
  const made = yield* SelfSigned.make(["localhost", "127.0.0.1"])
  const files = {
    authority: path.join(directory, "authority.pem"),
    certificate: path.join(directory, "certificate.pem"),
    key: path.join(directory, "key.pem")
  }
  yield* fs.writeFileString(files.authority, made.authority)
  yield* fs.writeFileString(files.certificate, made.certificate)
  yield* fs.writeFileString(files.key, Redacted.value(made.key))
  return files
})

const write = Effect.fnUntraced(function*(results: ReadonlyMap<WorkloadName, Report.Rounds>) {
  const fs = yield* FileSystem.FileSystem
  const docs = new URL("../../../../docs/", import.meta.url).pathname
  const date = new Date(yield* Clock.currentTimeMillis).toISOString().slice(0, 10)
  const page = [
    "# Performance",
    "",
    `Written by \`pnpm bench\` on ${date}, on ${machine()}. Every client runs in a fresh process against a server of its own on`,
    "the same machine, interleaved, so only the ratios mean something elsewhere. Figures are medians of three rounds, with",
    "their range. \"AWS SDK\" has its defaults; \"tuned\" keeps HTTP/1.1 connections and caches its middleware.",
    "",
    "![Medians of some of the figures as bars](performance.svg)",
    "",
    ...Array.from(results, ([name, rounds]) => `${Report.table(name, rounds)}\n`)
  ]
  yield* fs.writeFileString(`${docs}performance.md`, `${page.join("\n").trimEnd()}\n`)
  yield* fs.writeFileString(`${docs}performance.svg`, Report.chart(results))
  yield* Console.log("Written: docs/performance.md and docs/performance.svg")
})

/**
 * The command `strata-emulator`, and `strata emulator`: an emulator that runs until it is stopped, and logs each request in one line.
 */
import * as CliError from "effect/cli/CliError"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as TerminalCapabilities from "effect/cli/TerminalCapabilities"
import * as Config from "effect/Config"
import * as Console from "effect/Console"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import * as JobOptions from "../batch/JobOptions.ts"
import * as Emulator from "../Emulator.ts"
import * as JsonFile from "../JsonFile.ts"
import * as OpenAiSettings from "../openai/Options.ts"
import * as Quota from "../quota/Quota.ts"
import * as Backend from "./Backend.ts"
import * as ModelList from "./ModelList.ts"
import * as RequestLine from "./RequestLine.ts"
import * as Spelling from "./Spelling.ts"
import * as Welcome from "./Welcome.ts"

const invalidFile = ({ message }: JsonFile.JsonFileError) => new CliError.ValidationError({ message })

/** A flag for a file that is read when the command starts, so that its errors are reported like a bad flag. */
const fromFile = <A>(read: (file: string) => Effect.Effect<A, JsonFile.JsonFileError, FileSystem.FileSystem>) =>
  Flag.mapEffect((file: string) => Effect.mapError(read(file), invalidFile))

const port = Flag.String("port").pipe(
  Flag.withMetavar("PORT"),
  Flag.filter(
    (text) => /^\d{1,5}$/.test(text) && Number(text) <= 65_535,
    (text) => `${JSON.stringify(text)} is not a port: use 0 to 65535`
  ),
  Flag.map(Number),
  Flag.withDefault(4599),
  Flag.withDescription("The port; 0 for any free one (4599)")
)

const host = Flag.String("host").pipe(
  Flag.withDefault("127.0.0.1"),
  Flag.withDescription("The address to listen on (127.0.0.1)")
)

const invalid = (message: string) => new CliError.ValidationError({ message })

const region = Flag.String("region").pipe(
  Flag.withMetavar("REGION[,REGION]"),
  Flag.mapEffect((text) => Effect.mapError(Effect.fromResult(Spelling.regions(text)), invalid)),
  Flag.withDefault(["us-east-1"]),
  Flag.withDescription("The region of signatures and ARNs; several are served on one port (us-east-1)")
)

const cors = Flag.String("cors").pipe(
  Flag.withMetavar("ORIGIN"),
  Flag.atLeast(0),
  Flag.mapEffect((given) => Effect.mapError(Effect.fromResult(Spelling.origins("--cors", given)), invalid)),
  Flag.withDescription("Allow web pages of this origin to call models; \"*\" for any; may be repeated (localhost)")
)

const adminCors = Flag.String("admin-cors").pipe(
  Flag.withMetavar("ORIGIN"),
  Flag.atLeast(0),
  Flag.mapEffect((given) => Effect.mapError(Effect.fromResult(Spelling.origins("--admin-cors", given)), invalid)),
  Flag.withDescription("Allow web pages of this origin to use the /_strata/ paths; may be repeated (none)")
)

const adminToken = Flag.String("admin-token").pipe(
  Flag.withMetavar("TOKEN"),
  Flag.optional,
  Flag.withDescription(
    "Open the page and /_strata/ to other machines that send this token; better set STRATA_ADMIN_TOKEN, which other users cannot list"
  )
)

const answer = Flag.Literals("answer", ["echo", "local"]).pipe(
  Flag.optional,
  Flag.withDescription(
    "The backend: an echo of the prompt, or the models of @strata/local if installed (echo)"
  )
)

const script = Flag.String("script").pipe(
  Flag.withMetavar("FILE"),
  Flag.optional,
  Flag.withDescription("Answer with this script: JSON, a list of answers or rules")
)

const replay = Flag.String("replay").pipe(
  Flag.withMetavar("FILE"),
  Flag.optional,
  Flag.withDescription("Replay the responses recorded in this file")
)

const record = Flag.String("record").pipe(
  Flag.withMetavar("FILE"),
  Flag.optional,
  Flag.withDescription(
    "Forward requests to the service, with the AWS_* keys of the environment, and record them in this file"
  )
)

const upstream = Flag.String("upstream").pipe(
  Flag.withMetavar("URL"),
  Flag.optional,
  Flag.withDescription("The service for --record (Bedrock Runtime in the region)")
)

const redact = Flag.Boolean("redact").pipe(
  Flag.withDefault(false),
  Flag.withDescription("Record placeholders instead of prompts and answers")
)

const models = Flag.String("models").pipe(
  Flag.withMetavar("FILE"),
  fromFile(JsonFile.read(ModelList.ModelList)),
  Flag.map(ModelList.toModels),
  Flag.optional,
  Flag.withDescription(
    "More models of the account: JSON, a list such as [{\"kind\": \"chat\", \"id\": \"acme.tiny-v1\"}]"
  )
)

/** A text that names no file is more likely a misspelt quota. */
const readQuota = Effect.fnUntraced(function*(text: string) {
  const fileSystem = yield* FileSystem.FileSystem
  const exists = yield* Effect.orElseSucceed(fileSystem.exists(text), () => false)
  return exists
    ? yield* JsonFile.read(Quota.Limits)(text)
    : yield* new JsonFile.JsonFileError({ file: "--quota", message: Spelling.unknownQuota(text) })
})

const quota = Flag.String("quota").pipe(
  Flag.withMetavar("MODEL=TOKENS|MODEL=REQUESTSrpm|JSON|FILE"),
  Flag.mapEffect((text) =>
    Effect.mapError(
      Spelling.isQuota(text) ? Effect.fromResult(Spelling.quota(text)) : readQuota(text),
      invalidFile
    )
  ),
  Flag.atLeast(0),
  Flag.withDescription("Tokens or requests per minute of a model, or of each with *=TOKENS; may be repeated")
)

const fault = Flag.String("fault").pipe(
  Flag.withMetavar("NAME[:TIMES|:PERCENT%]|JSON"),
  Flag.mapEffect((text) => Effect.mapError(Effect.fromResult(Spelling.faults(text)), invalidFile)),
  Flag.atLeast(0),
  Flag.withDescription("Inject a fault: throttle:20, ThrottlingException:5%, or JSON; may be repeated")
)

const latency = Flag.String("latency").pipe(
  Flag.withMetavar("DURATION"),
  Flag.mapEffect((text) =>
    Effect.fromResult(Result.mapError(
      Spelling.duration(text),
      () => new CliError.InvalidValue({ option: "latency", value: text, expected: "250ms, 1.5s or 2m", kind: "flag" })
    ))
  ),
  Flag.optional,
  Flag.withDescription("Delay before the first byte of every response, such as 250ms")
)

const tls = Flag.Boolean("tls").pipe(
  Flag.withDefault(false),
  Flag.withDescription("Serve TLS too, with a certificate created at the start")
)

const capture = Flag.Boolean("capture").pipe(
  Flag.withDefault(false),
  Flag.withDescription("Show request bodies, including prompts, on the page")
)

const bucket = Flag.String("bucket").pipe(
  Flag.withMetavar("NAME"),
  Flag.atLeast(0),
  Flag.withDescription("A bucket of S3 that is there from the start; may be repeated")
)

const s3Directory = Flag.String("s3-directory").pipe(
  Flag.withMetavar("DIRECTORY"),
  Flag.optional,
  Flag.withDescription("Keep the objects of S3 there, for the next start (in memory)")
)

const batch = Flag.String("batch").pipe(
  Flag.withMetavar("JSON"),
  Flag.mapEffect((text) => Effect.mapError(Effect.fromResult(readBatch(text, "--batch")), invalidFile)),
  Flag.optional,
  Flag.withDescription("Limits and times of batch jobs, such as {\"minRecords\": 1, \"validating\": \"5 minutes\"}")
)

const openai = Flag.String("openai").pipe(
  Flag.withMetavar("SERVER|JSON"),
  Flag.mapEffect((text) => Effect.mapError(Effect.fromResult(OpenAiSettings.fromText(text, "--openai")), invalidFile)),
  Flag.optional,
  Flag.withDescription(
    "Answer OpenAI's dialect like another server: ollama, vllm, lm-studio or azure; or JSON, such as {\"models\": \"any\"}"
  )
)

const readBatch = JsonFile.fromText(JobOptions.JobOptions)

const flags = {
  port,
  host,
  region,
  cors,
  adminToken,
  adminCors,
  answer,
  script,
  replay,
  record,
  upstream,
  redact,
  models,
  quota,
  fault,
  latency,
  tls,
  capture,
  bucket,
  s3Directory,
  batch,
  openai
}

/**
 * - `name`: of the command; `program`: how it is called, as in `strata emulator`.
 * - `local`: the services of `--answer local`; those of the package in the working directory when missing.
 */
export interface Options {
  readonly name: string
  readonly program: string
  readonly local?: Backend.Services | undefined
}

/** The command. It ends when it is interrupted; then the port and every connection are closed. */
export const make = ({ local, name, program }: Options) =>
  Command.make(name, flags, (given) =>
    Effect.gen(function*() {
      const backend = yield* choose(given)
      const options: Emulator.Options = {
        port: given.port,
        host: given.host,
        regions: given.region,
        cors: given.cors.length === 0 ? undefined : given.cors,
        admin: { token: yield* tokenOf(given.adminToken), origins: given.adminCors },
        capture: given.capture,
        faults: given.fault.flat(),
        quota: Object.assign({}, ...given.quota),
        models: Option.getOrUndefined(given.models),
        latency: Option.getOrUndefined(given.latency),
        tls: given.tls ? "self-signed" : undefined,
        s3: { buckets: given.bucket, directory: Option.getOrUndefined(given.s3Directory) },
        batch: Option.getOrUndefined(given.batch),
        openai: Option.getOrUndefined(given.openai)
      }
      yield* run(backend).pipe(
        Effect.scoped,
        Effect.provide(Backend.layer(backend, options, local)),
        Effect.catchTag("JsonFileError", (cause) => new CliError.UserError({ cause, userMessage: cause.message })),
        Effect.catchTag(
          "EmulatorError",
          (cause) => new CliError.UserError({ cause, userMessage: remedy(cause, given) })
        )
      )
    })).pipe(
      Command.withDescription(
        "Amazon Bedrock Runtime on this machine: the real wire format, without an account. OpenAI's dialect, S3 and batch inference are on the same port."
      ),
      Command.withExamples([
        { command: program, description: "Answer with an echo on http://127.0.0.1:4599" },
        { command: `${program} --script answers.json`, description: "Answer with a script" },
        {
          command: `${program} --fault throttle:3 --fault InternalServerException:10%`,
          description: "Refuse the first three requests, and fail a tenth of all others"
        },
        {
          command: `${program} --quota "*=50000" --latency 300ms`,
          description: "Throttle and wait as Bedrock does"
        },
        { command: `${program} --record chat.json --redact`, description: "Record Bedrock's responses" },
        { command: `${program} --openai ollama`, description: "Stand in for Ollama, with its quirks" },
        { command: `${program} --bucket data --s3-directory .s3`, description: "Run batch jobs over files of S3" },
        { command: `${program} --replay chat.json --tls`, description: "Replay them, over HTTPS too" }
      ])
    )

/** The command `strata-emulator`. */
export const command = make({ name: "strata-emulator", program: "strata-emulator" })

interface Choice {
  readonly answer: Option.Option<"echo" | "local">
  readonly script: Option.Option<string>
  readonly replay: Option.Option<string>
  readonly record: Option.Option<string>
  readonly upstream: Option.Option<string>
  readonly redact: boolean
  readonly region: ReadonlyArray<string>
}

const choose = Effect.fnUntraced(function*({ answer, record, redact, region, replay, script, upstream }: Choice) {
  const chosen: ReadonlyArray<Backend.Backend> = [
    ...Option.toArray(Option.map(answer, (type) => ({ type }))),
    ...Option.toArray(Option.map(script, (file) => ({ type: "script" as const, file }))),
    ...Option.toArray(Option.map(replay, (file) => ({ type: "replay" as const, file }))),
    ...Option.toArray(Option.map(record, (file) => ({
      type: "record" as const,
      file,
      upstream: Option.getOrUndefined(upstream),
      redact
    })))
  ]
  if (chosen.length > 1) return yield* conflicting("Use only one of --answer, --script, --replay and --record")
  if (Option.isNone(record) && (redact || Option.isSome(upstream))) {
    return yield* conflicting("--upstream and --redact require --record")
  }
  if (Option.isSome(record) && region.length > 1) {
    return yield* conflicting("--record forwards to one region: use one --region")
  }
  return chosen[0] ?? { type: "echo" as const }
})

/** Of the flag, or else of the environment; an empty one is a mistake. */
const tokenOf = Effect.fnUntraced(function*(flag: Option.Option<string>) {
  const given = Option.isSome(flag)
    ? Option.some(Redacted.make(flag.value))
    : yield* Config.option(Config.Redacted("STRATA_ADMIN_TOKEN")).pipe(Effect.orElseSucceed(Option.none))
  if (Option.isNone(given)) return undefined
  return Redacted.value(given.value).trim() === ""
    ? yield* conflicting("The admin token is empty: set --admin-token or STRATA_ADMIN_TOKEN to a secret, or neither")
    : given.value
})

const conflicting = (userMessage: string) => new CliError.UserError({ cause: userMessage, userMessage })

const run = Effect.fnUntraced(function*(backend: Backend.Backend) {
  const emulator = yield* Emulator.Emulator
  const { canColor: colors } = yield* TerminalCapabilities.TerminalCapabilities
  const certificateFile = emulator.certificate === undefined ? undefined : yield* keep(emulator.certificate)
  const answering = Backend.describe(backend)
  for (const line of Welcome.lines({ emulator, answering, certificateFile })) yield* Console.log(line)
  yield* Console.log(RequestLine.head)
  const style = { colors, zone: DateTime.zoneMakeLocal() }
  yield* Stream.runForEach(emulator.ended, (request) => Console.log(RequestLine.fromRequest(request, style)))
})

/** In a temporary file that is removed when the command ends. */
const keep = Effect.fnUntraced(function*(certificate: string) {
  const fileSystem = yield* FileSystem.FileSystem
  const file = yield* fileSystem.makeTempFileScoped({ prefix: "strata-emulator-", suffix: ".pem" })
  yield* fileSystem.writeFileString(file, certificate)
  return file
}, Effect.mapError((cause) => new CliError.UserError({ cause, userMessage: `No certificate: ${cause.message}` })))

const remedy = ({ cause, message }: Emulator.EmulatorError, { host, port }: { host: string; port: number }): string => {
  const code = Predicate.hasProperty(cause, "code") ? cause.code : undefined
  switch (code) {
    case "EADDRINUSE":
      return `Port ${port} of ${host} is in use. Stop the other program, or choose another port: --port ${
        port + 1
      }, or --port 0 for any`
    case "EACCES":
      return `Port ${port} of ${host} needs privileges: choose one above 1023`
    case "EADDRNOTAVAIL":
    case "ENOTFOUND":
      return `This machine has no address ${host}: choose another --host`
    default:
      return message
  }
}

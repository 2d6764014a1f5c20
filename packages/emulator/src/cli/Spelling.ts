/**
 * Short forms of faults, quotas and durations in the command's flags, beside JSON.
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as AwsError from "../AwsError.ts"
import { DurationInput } from "../DurationInput.ts"
import * as Fault from "../fault/Fault.ts"
import * as JsonFile from "../JsonFile.ts"
import * as Quota from "../quota/Quota.ts"

/**
 * Faults: JSON, one or a list of them; or `type`, `type:3` for three times, `type:20%` for that probability. The name
 * of an exception is a fault too.
 */
export const faults = (text: string): Result.Result<ReadonlyArray<Fault.Fault>, JsonFile.JsonFileError> => {
  if (/^\s*[{[]/.test(text)) {
    return Result.map(faultsFromText(text, "--fault"), (given) => "type" in given ? [given] : given)
  }
  const [, name = "", amount, percent] = shortFault.exec(text) ?? []
  const named = Fault.types.includes(name)
    ? { type: name }
    : exceptions.includes(name) && { type: "exception", exception: name }
  if (named === false) return Result.fail(unknownFault(text))
  const frequency = amount === undefined
    ? {}
    : percent === undefined
    ? { times: Number(amount) }
    : { probability: Number(amount) / 100 }
  return Result.map(faultFromJson({ ...named, ...frequency }, `--fault ${text}`), (fault) => [fault])
}

/** Quotas: JSON by model, or `model=tokensPerMinute`. */
export const quota = (text: string): Result.Result<Quota.Limits, JsonFile.JsonFileError> => {
  const [, model = "", tokens] = shortQuota.exec(text) ?? []
  return tokens === undefined
    ? limitsFromText(text, "--quota")
    : Result.succeed({ [model]: { tokensPerMinute: Number(tokens) } })
}

/** Whether a text is a {@link quota}; otherwise it names a file. */
export const isQuota = (text: string): boolean => /^\s*\{/.test(text) || shortQuota.test(text)

/** `250` or `250ms`, `1.5s`, `2m`, and Effect's own form: `250 millis`. */
export const duration = (text: string) => {
  const [, amount, unit = "ms"] = shortDuration.exec(text) ?? []
  return decodeDuration(amount === undefined ? text : `${amount} ${units[unit]}`)
}

const shortFault = /^([A-Za-z]+)(?::(\d+(?:\.\d+)?)(%)?)?$/

const shortQuota = /^([^={}]+)=(\d+)$/

const shortDuration = /^(\d+(?:\.\d+)?)(ms|s|m)?$/

const units: Readonly<Record<string, string>> = { ms: "millis", s: "seconds", m: "minutes" }

const exceptions: ReadonlyArray<string> = AwsError.exceptions

const faultFromJson = JsonFile.fromJson(Fault.Fault)

const faultsFromText = JsonFile.fromText(Schema.Union([Fault.Fault, Schema.Array(Fault.Fault)]))

const limitsFromText = JsonFile.fromText(Quota.Limits)

const decodeDuration = Schema.decodeUnknownResult(Schema.toCodecJson(DurationInput))

const unknownFault = (text: string) =>
  new JsonFile.JsonFileError({
    file: "--fault",
    message: [
      `--fault ${text}: unknown fault. Use JSON, or the name of an exception such as ThrottlingException, or one of`,
      `${Fault.types.join(", ")};`,
      "after a name, :3 means three times, :20% a fifth of all requests"
    ].join("\n")
  })

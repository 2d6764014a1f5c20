/**
 * Short forms of faults, quotas and durations in the command's flags, beside JSON.
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as AwsError from "../AwsError.ts"
import { DurationInput } from "../DurationInput.ts"
import * as Fault from "../fault/Fault.ts"
import type * as Cors from "../http/Cors.ts"
import * as JsonFile from "../JsonFile.ts"
import * as Quota from "../quota/Quota.ts"
import * as Region from "../region/Region.ts"

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

/** Quotas: JSON by model, or `model=50000` tokens a minute, `model=60rpm` requests, or both: `model=50000,60rpm`. */
export const quota = (text: string): Result.Result<Quota.Limits, JsonFile.JsonFileError> => {
  const [, model = "", amounts] = shortQuota.exec(text) ?? []
  if (amounts === undefined) return limitsFromText(text, "--quota")
  const units = amounts.split(",").map((amount): Quota.Limit =>
    amount.endsWith("rpm") ? { requestsPerMinute: parseInt(amount, 10) } : { tokensPerMinute: parseInt(amount, 10) }
  )
  return Result.succeed({ [model]: Object.assign({}, ...units) })
}

/** Whether a text is a {@link quota}; otherwise it names a file. */
export const isQuota = (text: string): boolean => /^\s*\{/.test(text) || shortQuota.test(text)

/** What is wrong with a quota that is neither one nor a file. */
export const unknownQuota = (text: string): string =>
  [
    `--quota ${text}: neither a quota nor a file. Use MODEL=TOKENS such as "*=50000", MODEL=REQUESTSrpm such as`,
    `"*=60rpm", both as in "*=50000,60rpm", a region before the model as in "us-west-2/*=50000", or JSON such as`,
    `'{"*": {"tokensPerMinute": 50000, "window": "2 seconds"}}', or a file of it`
  ].join("\n")

/** Regions, separated by commas; the first one is the default. */
export const regions = (text: string): Result.Result<ReadonlyArray<string>, string> => {
  const names = text.split(",").map((name) => name.trim())
  const wrong = names.find((name) => !Region.isRegion(name))
  return wrong === undefined
    ? Result.succeed(names)
    : Result.fail(
      `--region ${text}: "${wrong}" is not a region. Use a name such as us-west-2, or several: us-east-1,us-west-2`
    )
}

/** Origins of web pages, or `*` for any. */
export const origins = (flag: string, given: ReadonlyArray<string>): Result.Result<Cors.Origins, string> => {
  if (given.includes("*")) return Result.succeed("any")
  const wrong = given.find((origin) => !/^[a-z][a-z0-9+.-]*:\/\/[^/?#\s]+$/i.test(origin) && origin !== "null")
  return wrong === undefined
    ? Result.succeed(given)
    : Result.fail(
      `${flag} ${wrong}: not an origin. Use one such as https://app.example.com, without a path, or "*" for any`
    )
}

/** `250` or `250ms`, `1.5s`, `2m`, and Effect's own form: `250 millis`. */
export const duration = (text: string) => {
  const [, amount, unit = "ms"] = shortDuration.exec(text) ?? []
  return decodeDuration(amount === undefined ? text : `${amount} ${units[unit]}`)
}

const shortFault = /^([A-Za-z]+)(?::(\d+(?:\.\d+)?)(%)?)?$/

const shortQuota = /^([^={}]+)=(\d+(?:[rt]pm)?(?:,\d+(?:[rt]pm)?)?)$/

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

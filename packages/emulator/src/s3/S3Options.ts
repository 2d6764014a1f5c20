/**
 * The options of an emulator's S3, which programs and the command give.
 */
import type * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as JsonFile from "../JsonFile.ts"
import * as Region from "../region/Region.ts"

/** Amazon S3 User Guide, "General purpose bucket naming rules". */
export const isBucketName = (name: string): boolean =>
  /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(name) && !name.includes("..") && !/^\d+\.\d+\.\d+\.\d+$/.test(name)

const BucketName = Schema.String.check(
  Schema.makeFilter((name) =>
    isBucketName(name) || "Expected a bucket's name: 3 to 63 lower-case letters, digits, dots and hyphens"
  )
)

/** A bucket. By default it is in the default region, belongs to the emulated account, and grants access. */
export type BucketOptions = typeof BucketOptions.Type
const BucketOptions = Schema.Struct({
  name: BucketName,
  region: Schema.optional(
    Schema.String.check(Schema.makeFilter((name) => Region.isRegion(name) || "Expected a region such as us-west-2"))
  ),
  owner: Schema.optional(Schema.String.check(Schema.isPattern(/^\d{12}$/, { expected: "an account of 12 digits" }))),
  access: Schema.optional(Schema.Literals(["granted", "denied"]))
})

/**
 * - `directory` (memory): keeps buckets and objects in files there, which another emulator finds again; uploads in parts
 *   are kept in memory until they are complete.
 * - `buckets` (none): there from the start, by name or with `region`, `owner` (an account) and `access`; to one with
 *   `denied` there is no access, for batch jobs neither.
 * - `maxBytes` (512 MB): the bound of all objects and unfinished uploads; what exceeds it is refused.
 */
export type S3Options = typeof S3Options.Type
/** @see {@link S3Options} */
export const S3Options = Schema.Struct({
  directory: Schema.optional(Schema.NonEmptyString),
  buckets: Schema.optional(Schema.Array(Schema.Union([BucketName, BucketOptions]))),
  maxBytes: Schema.optional(Schema.Int.check(Schema.isGreaterThanOrEqualTo(0)))
})

/** The default bound. */
export const defaultMaxBytes = 512_000_000

const decode = JsonFile.fromValue(S3Options)

/** Checks them; `message` of the error names the option. */
export const check = (options: unknown): Result.Result<S3Options, JsonFile.JsonFileError> => decode(options, "s3")

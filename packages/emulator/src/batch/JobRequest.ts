/**
 * The body of CreateModelInvocationJob, with the constraints of the service's model.
 *
 * Patterns that can match a text in many ways are written in a form that matches the same texts in one.
 */
import * as Schema from "effect/Schema"
import * as Constraint from "../converse/Constraint.ts"
import * as Wire from "../converse/Wire.ts"

const optional = Schema.optionalKey

const matching = (pattern: RegExp, source: string) =>
  Schema.isPattern(pattern, { message: `Member must satisfy regular expression pattern: ${source}` })

/** The name of a job. */
export const JobName = Constraint.text(1, 63).check(
  matching(/^[a-zA-Z0-9][a-zA-Z0-9+.-]*$/, "[a-zA-Z0-9]{1,63}(-*[a-zA-Z0-9\\+\\-\\.]){0,63}")
)

const Token = Constraint.text(1, 256).check(
  matching(/^[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?$/, "[a-zA-Z0-9]{1,256}(-*[a-zA-Z0-9]){0,256}")
)

const S3Uri = Constraint.text(1, 1024).check(
  Constraint.pattern(
    "s3://[a-z0-9][-.a-z0-9]{1,61}[a-z0-9](?:/[-!_*'().a-z0-9A-Z]+(?:/[-!_*'().a-z0-9A-Z]+)*)?/?"
  )
)

const AccountId = Schema.String.check(Constraint.pattern("[0-9]{12}"))

const KmsKeyId = Constraint.text(1, 2048).check(
  Constraint.pattern(
    "(arn:aws(-[^:]+)?:kms:[a-zA-Z0-9-]*:[0-9]{12}:((key/[a-zA-Z0-9-]{36})|(alias/[a-zA-Z0-9-_/]+)))|([a-zA-Z0-9-]{36})|(alias/[a-zA-Z0-9-_/]+)"
  )
)

const NetworkId = Schema.String.check(Constraint.maxLength(32), Constraint.pattern("[-0-9a-zA-Z]+"))

const tagText = (minimum: number, maximum: number) =>
  Constraint.text(minimum, maximum).check(Constraint.pattern("[a-zA-Z0-9\\s._:/=+@-]*"))

/** The tags of a job or an invocation. */
export const Tags = Schema.Array(Schema.Struct({ key: tagText(1, 128), value: tagText(0, 256) })).check(
  Constraint.maxLength(200)
)

/** What is asked for. */
export type JobRequest = typeof JobRequest.Type
/** @see {@link JobRequest} */
export const JobRequest = Schema.Struct({
  jobName: JobName,
  roleArn: Schema.String.check(
    Constraint.maxLength(2048),
    Constraint.pattern("arn:aws(-[^:]+)?:iam::([0-9]{12})?:role/.+")
  ),
  clientRequestToken: optional(Token),
  modelId: Constraint.text(1, 2048),
  inputDataConfig: Schema.Struct({
    s3InputDataConfig: Schema.Struct({
      s3InputFormat: optional(Constraint.oneOf(["JSONL"])),
      s3Uri: S3Uri,
      s3BucketOwner: optional(AccountId)
    })
  }),
  outputDataConfig: Schema.Struct({
    s3OutputDataConfig: Schema.Struct({
      s3Uri: S3Uri,
      s3EncryptionKeyId: optional(KmsKeyId),
      s3BucketOwner: optional(AccountId)
    })
  }),
  vpcConfig: optional(Schema.Struct({
    subnetIds: Schema.Array(NetworkId).check(Constraint.minLength(1), Constraint.maxLength(16)),
    securityGroupIds: Schema.Array(NetworkId).check(Constraint.minLength(1), Constraint.maxLength(5))
  })),
  timeoutDurationInHours: optional(Schema.Int.check(Constraint.atLeast(24), Constraint.atMost(168))),
  tags: optional(Tags),
  modelInvocationType: optional(Constraint.oneOf(["InvokeModel", "Converse"]))
})

/** Decodes it, with the API's messages. */
export const read = Wire.reader(JobRequest)

/** A bucket, and a key or a prefix without the slash that begins it. */
export interface Location {
  readonly bucket: string
  readonly key: string
}

/** The parts of a URI that satisfies its pattern. */
export const locate = (uri: string): Location => {
  const rest = uri.slice("s3://".length)
  const at = rest.indexOf("/")
  return at < 0 ? { bucket: rest, key: "" } : { bucket: rest.slice(0, at), key: rest.slice(at + 1) }
}

/**
 * An asynchronous invocation: what was asked for, its status, and its description on the wire.
 */
import * as Schema from "effect/Schema"
import * as JobRequest from "../batch/JobRequest.ts"
import * as Constraint from "../converse/Constraint.ts"
import * as Wire from "../converse/Wire.ts"
import * as Region from "../region/Region.ts"

const optional = Schema.optionalKey

/** The body of StartAsyncInvoke, with the constraints of the service's model. */
export type Request = typeof Request.Type
/** @see {@link Request} */
export const Request = Schema.Struct({
  clientRequestToken: optional(Constraint.text(1, 256).check(Constraint.pattern("[!-~]*"))),
  modelId: Constraint.text(1, 256).check(Constraint.pattern("[a-zA-Z_\\.\\-/0-9:]+")),
  modelInput: Constraint.JsonObject,
  outputDataConfig: Schema.Struct({
    s3OutputDataConfig: Schema.Struct({
      s3Uri: Constraint.text(1, 1024).check(
        Constraint.pattern("s3://[a-z0-9][\\.\\-a-z0-9]{1,61}[a-z0-9](/.*)?")
      ),
      kmsKeyId: optional(
        Constraint.text(1, 2048).check(
          Constraint.pattern(
            "arn:aws(-[^:]+)?:kms:[a-zA-Z0-9-]*:[0-9]{12}:((key/[a-zA-Z0-9-]{36})|(alias/[a-zA-Z0-9-_/]+))"
          )
        )
      ),
      bucketOwner: optional(Schema.String.check(Constraint.pattern("[0-9]{12}")))
    })
  }),
  tags: optional(JobRequest.Tags)
})

/** Decodes it, with the API's messages. */
export const read = Wire.reader(Request)

/** Every status of the service. */
export const statuses = ["InProgress", "Completed", "Failed"] as const

/** Times in milliseconds since 1970. */
export interface Invocation {
  readonly id: string
  readonly region: string
  readonly model: string
  readonly request: Request
  readonly submitTime: number
  status: (typeof statuses)[number]
  failureMessage: string | undefined
  lastModifiedTime: number
  endTime: number | undefined
}

/** Its ARN. */
export const arnOf = ({ id, region }: Pick<Invocation, "id" | "region">): string =>
  `arn:${Region.partitionOf(region)}:bedrock:${region}:${Region.account}:async-invoke/${id}`

/** Where its output is: its id below the prefix of the request. */
export const folderOf = ({ id, request }: Invocation): JobRequest.Location => {
  const { bucket, key } = JobRequest.locate(request.outputDataConfig.s3OutputDataConfig.s3Uri)
  return { bucket, key: `${key === "" || key.endsWith("/") ? key : `${key}/`}${id}/` }
}

/**
 * As GetAsyncInvoke and ListAsyncInvokes describe it. That the URI of the output is the one of the invocation, and not
 * that of the request, is how samples of AWS read it.
 */
export const describe = (invocation: Invocation) => {
  const { endTime, model, region, request } = invocation
  const { bucket, key } = folderOf(invocation)
  return {
    invocationArn: arnOf(invocation),
    modelArn: `arn:${Region.partitionOf(region)}:bedrock:${region}::foundation-model/${model}`,
    clientRequestToken: request.clientRequestToken,
    status: invocation.status,
    failureMessage: invocation.failureMessage,
    submitTime: instant(invocation.submitTime),
    lastModifiedTime: instant(invocation.lastModifiedTime),
    endTime: endTime === undefined ? undefined : instant(endTime),
    outputDataConfig: {
      s3OutputDataConfig: {
        ...request.outputDataConfig.s3OutputDataConfig,
        s3Uri: `s3://${bucket}/${key.slice(0, -1)}`
      }
    }
  }
}

const instant = (millis: number): string => new Date(millis).toISOString()

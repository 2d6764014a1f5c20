/**
 * A batch job: what was asked for, its status, and its description on the wire.
 */
import type * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Region from "../region/Region.ts"
import type * as Fate from "./Fate.ts"
import type * as JobRequest from "./JobRequest.ts"

/** Every status of the service. */
export const statuses = [
  "Submitted",
  "InProgress",
  "Completed",
  "Failed",
  "Stopping",
  "Stopped",
  "PartiallyCompleted",
  "Expired",
  "Validating",
  "Scheduled"
] as const

/** One of them. */
export type Status = (typeof statuses)[number]

const terminal: ReadonlySet<Status> = new Set(["Completed", "Failed", "Stopped", "PartiallyCompleted", "Expired"])

/** How many records of a job are known, answered, and failed. */
export interface Counts {
  readonly total: number
  readonly processed: number
  readonly success: number
  readonly error: number
}

/**
 * - `stop`: completed when the job is asked to stop. `fate`: the faults that struck it.
 * - `counts`: once it was validated. Times in milliseconds since 1970.
 */
export interface Job {
  readonly id: string
  readonly region: string
  readonly request: JobRequest.JobRequest
  readonly fate: Fate.Fate
  readonly submitTime: number
  readonly expirationTime: number
  readonly stop: Deferred.Deferred<void>
  status: Status
  message: string | undefined
  lastModifiedTime: number
  endTime: number | undefined
  counts: Counts | undefined
}

/** Whether its status will not change any more. */
export const isOver = ({ status }: Job): boolean => terminal.has(status)

/** The ARN of a job. */
export const arnOf = ({ id, region }: Pick<Job, "id" | "region">): string =>
  `arn:${Region.partitionOf(region)}:bedrock:${region}:${Region.account}:model-invocation-job/${id}`

/** As GetModelInvocationJob and ListModelInvocationJobs describe it. */
export const describe = (job: Job) => {
  const { counts, request } = job
  return {
    jobArn: arnOf(job),
    jobName: request.jobName,
    modelId: request.modelId,
    roleArn: request.roleArn,
    clientRequestToken: request.clientRequestToken,
    status: job.status,
    message: job.message,
    submitTime: instant(job.submitTime),
    lastModifiedTime: instant(job.lastModifiedTime),
    endTime: job.endTime === undefined ? undefined : instant(job.endTime),
    inputDataConfig: request.inputDataConfig,
    outputDataConfig: request.outputDataConfig,
    vpcConfig: request.vpcConfig,
    timeoutDurationInHours: hoursOf(request),
    jobExpirationTime: instant(job.expirationTime),
    modelInvocationType: typeOf(request),
    totalRecordCount: counts?.total,
    processedRecordCount: counts?.processed,
    successRecordCount: counts?.success,
    errorRecordCount: counts?.error
  }
}

/** The default is documented for the console; that of the API is assumed to be the same. */
export const hoursOf = ({ timeoutDurationInHours }: JobRequest.JobRequest): number => timeoutDurationInHours ?? 24

/** The format of its records. */
export const typeOf = ({ modelInvocationType }: JobRequest.JobRequest): "InvokeModel" | "Converse" =>
  modelInvocationType ?? "InvokeModel"

/** Its timeout in milliseconds. */
export const timeoutOf = (request: JobRequest.JobRequest): number => Duration.toMillis(Duration.hours(hoursOf(request)))

const instant = (millis: number): string => new Date(millis).toISOString()

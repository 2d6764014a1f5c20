/**
 * Credentials that a process finds where it runs: in its environment, at the endpoint of its container, or at the metadata
 * of its instance.
 */
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import * as ErrorChain from "../error/ErrorChain.ts"
import * as Problem from "./Problem.ts"
import { ofSdk, type SdkProvider, type Source } from "./Source.ts"

/** A variable of the process; `undefined` when it is empty. White space at its ends is no part of it. */
export const variable = (name: string): string | undefined => {
  const value = process.env[name]?.trim()
  return value === "" ? undefined : value
}

/** `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`. */
export const environment: Source = () =>
  Effect.suspend(() => {
    const accessKeyId = variable("AWS_ACCESS_KEY_ID")
    const secretAccessKey = variable("AWS_SECRET_ACCESS_KEY")
    if (accessKeyId === undefined || secretAccessKey === undefined) return Effect.fail(incomplete(accessKeyId))
    const sessionToken = variable("AWS_SESSION_TOKEN")
    const expiration = new Date(variable("AWS_CREDENTIAL_EXPIRATION") ?? Number.NaN)
    return Effect.succeed({
      accessKeyId,
      secretAccessKey,
      ...(sessionToken === undefined ? {} : { sessionToken }),
      ...(Number.isNaN(expiration.getTime()) ? {} : { expiration })
    })
  })

const incomplete = (accessKeyId: string | undefined): Problem.Problem => {
  const missing = accessKeyId === undefined ? "AWS_ACCESS_KEY_ID" : "AWS_SECRET_ACCESS_KEY"
  const other = accessKeyId === undefined ? "AWS_SECRET_ACCESS_KEY" : "AWS_ACCESS_KEY_ID"
  return variable(other) === undefined
    ? Problem.misconfigured("the environment", "AWS_ACCESS_KEY_ID is not set", "Set it and AWS_SECRET_ACCESS_KEY")
    : Problem.misconfigured("the environment", `${missing} is not set beside ${other}`, `Set ${missing}`)
}

/** Whether the process has the address of a container's endpoint. */
export const isContainer = (): boolean =>
  variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") !== undefined ||
  variable("AWS_CONTAINER_CREDENTIALS_FULL_URI") !== undefined

const containerName = "the credentials endpoint of the container"

/**
 * The endpoint of ECS, EKS Pod Identity and their kin. It is asked once more after a moment where that may help: it can be
 * late when a container starts.
 */
export const container: Source = (request) =>
  ofSdk(
    () =>
      import("@aws-sdk/credential-provider-http").then(({ fromHttp }) => fromHttp({ maxRetries: 0, timeout: 1000 })),
    request,
    { who: containerName, problem: containerProblem }
  ).pipe(Effect.retry({ times: 1, schedule: Schedule.spaced("300 millis"), while: ({ isTransient }) => isTransient }))

const containerProblem = (error: unknown): Problem.Problem => {
  const text = ErrorChain.string(error, "message") ?? ""
  const status = Number(/Server responded with status: (\d+)/.exec(text)?.[1])
  const failed = (problem: string, remedy: string): Problem.Problem => ({
    ...Problem.misconfigured(containerName, problem, remedy),
    isFinal: true
  })
  if (status >= 500 || status === 429) {
    return Problem.unanswered(containerName, `it answered HTTP ${status}`, "Send the call again in a moment")
  }
  if (status > 0) {
    return failed(`it answered HTTP ${status}`, "Check the role of the task or of the service account")
  }
  if (/URL not accepted|Invalid URL/.test(text)) {
    return failed(
      "AWS_CONTAINER_CREDENTIALS_FULL_URI is neither HTTPS nor an address of the container",
      "Correct AWS_CONTAINER_CREDENTIALS_FULL_URI"
    )
  }
  if (ErrorChain.string(error, "path") !== undefined) {
    const code = ErrorChain.string(error, "code") ?? "failed"
    return failed(`its token file cannot be read (${code})`, "Check AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE")
  }
  if (/Authorization token contains|Invalid character in header/.test(text)) {
    return failed("its authorization token has a line break in it", "Check what writes the token")
  }
  if (/not of the required format/.test(text) || ErrorChain.string(error, "name") === "SyntaxError") {
    return failed("its answer holds no credentials", "Check what listens at the address in AWS_CONTAINER_CREDENTIALS_*")
  }
  const code = /\bE[A-Z]{4,}\b/.exec(text)?.[0]
  return Problem.unanswered(containerName, Problem.unreached(code), "Check that the agent of the container runs")
}

const instanceName = "the metadata of the instance"

/** Whether there is metadata to ask. */
export const isInstanceDisabled = (): boolean => {
  const value = variable("AWS_EC2_METADATA_DISABLED")
  return value !== undefined && value !== "false"
}

const metadata = () => import("@smithy/credential-provider-imds")

/**
 * The role of an EC2 instance. Elsewhere nothing answers: that is no failure to wait for. The SDK's provider keeps the last
 * credentials, for when the metadata has no new ones in time.
 */
export const instance = (): Source => {
  let provider: SdkProvider | undefined
  return (request) =>
    ofSdk(() => metadata().then(({ fromInstanceMetadata }) => provider ??= fromInstanceMetadata({})), request, {
      who: instanceName,
      problem: (error) => {
        const status = ErrorChain.number(error, "statusCode")
        if (status !== undefined && (status >= 500 || status === 429)) {
          return Problem.unanswered(instanceName, `it answered HTTP ${status}`, "Send the call again in a moment")
        }
        if (status === 404) {
          return Problem.misconfigured(instanceName, "the instance has no role", "Attach an IAM role to the instance")
        }
        if (status !== undefined) {
          return Problem.misconfigured(
            instanceName,
            `it answered HTTP ${status}`,
            "Check the metadata options of the instance"
          )
        }
        if (
          /Invalid response/.test(ErrorChain.string(error, "message") ?? "") ||
          ErrorChain.string(error, "name") === "SyntaxError"
        ) {
          return Problem.misconfigured(
            instanceName,
            "its answer holds no credentials",
            "Check AWS_EC2_METADATA_SERVICE_ENDPOINT"
          )
        }
        return {
          ...Problem.misconfigured(
            instanceName,
            Problem.unreached(ErrorChain.string(error, "code")),
            "Configure another source of credentials"
          ),
          isAside: true
        }
      }
    })
}

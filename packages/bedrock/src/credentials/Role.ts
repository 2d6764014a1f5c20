/**
 * Roles: assumed with other credentials, or with the token of a web identity, by AWS STS.
 */
import * as Effect from "effect/Effect"
import * as Fs from "node:fs"
import * as ErrorChain from "../error/ErrorChain.ts"
import * as Problem from "./Problem.ts"
import { ofSdk, sending, type Source } from "./Source.ts"

/** `duration` is in seconds; `region` is that of STS, the calling client's when it is missing. */
export interface Role {
  readonly roleArn: string
  readonly sessionName?: string | undefined
  readonly externalId?: string | undefined
  readonly duration?: number | undefined
  readonly region?: string | undefined
}

/** Assumes a role with the credentials of a source, which is asked each time. */
export const assumed =
  ({ duration, externalId, region, roleArn, sessionName = "strata" }: Role, source: Source): Source => (request) =>
    Effect.flatMap(source(request), (credentials) => {
      const { secrets } = request
      secrets.add(credentials.secretAccessKey)
      if (credentials.sessionToken !== undefined) secrets.add(credentials.sessionToken)
      const who = `role ${roleArn}`
      return ofSdk(
        () =>
          import("@aws-sdk/nested-clients/sts").then(({ getDefaultRoleAssumer }) => (properties) => {
            const assume = getDefaultRoleAssumer({
              ...sending(request).clientConfig,
              ...(region === undefined ? {} : { region }),
              parentClientConfig: properties?.callerClientConfig
            })
            return assume(credentials, {
              RoleArn: roleArn,
              RoleSessionName: sessionName,
              ...(externalId === undefined ? {} : { ExternalId: externalId }),
              ...(duration === undefined ? {} : { DurationSeconds: duration })
            })
          }),
        request,
        { who, problem: (error) => explain(error, { who, secrets: [...secrets], remedy: remedyOf }) }
      )
    })

/**
 * The role of a web identity: its token is read from the file each time. `variable` is the setting that names the file.
 */
export const ofWebIdentity = (
  { file, roleArn, sessionName, variable }: {
    readonly file: string
    readonly roleArn: string
    readonly sessionName: string | undefined
    readonly variable: string
  }
): Source =>
(request) => {
  const { secrets } = request
  const who = `role ${roleArn} of the web identity`
  const read = Effect.try({
    try: () => Fs.readFileSync(file, "utf8").trim(),
    catch: (error): Problem.Problem => ({
      ...Problem.misconfigured(
        who,
        `its token file ${file} cannot be read (${ErrorChain.string(error, "code") ?? "failed"})`,
        `Check ${variable}, and that the file is mounted there`
      ),
      isFinal: true
    })
  })
  return Effect.flatMap(read, (webIdentityToken) => {
    if (webIdentityToken === "") {
      return Effect.fail({
        ...Problem.misconfigured(who, `its token file ${file} is empty`, "Check what writes the token"),
        isFinal: true
      })
    }
    secrets.add(webIdentityToken)
    return ofSdk(
      () =>
        import("@aws-sdk/credential-provider-web-identity").then(({ fromWebToken }) =>
          fromWebToken({
            ...sending(request),
            roleArn,
            webIdentityToken,
            ...(sessionName === undefined ? {} : { roleSessionName: sessionName })
          })
        ),
      request,
      { who, problem: (error) => explain(error, { who, secrets: [...secrets], remedy: webRemedyOf }) }
    )
  })
}

const explain: typeof Problem.explain = (error, context) => {
  const problem = Problem.explain(error, context)
  return ErrorChain.string(error, "message")?.startsWith("Invalid response from STS") === true
    ? {
      ...problem,
      problem: "the answer to its request holds no credentials",
      remedy: "Check for proxies on the way to AWS STS",
      words: undefined
    }
    : problem
}

const stsRemedies: ReadonlyMap<string, string> = new Map([
  ["AccessDenied", "Allow sts:AssumeRole to the caller, in its policies and in the trust policy of the role"],
  ["ExpiredToken", "Renew the credentials that the role is assumed with"],
  ["InvalidClientTokenId", "Check the credentials that the role is assumed with"],
  ["SignatureDoesNotMatch", "Check the secret access key that the role is assumed with"],
  ["RegionDisabled", "Activate STS for the region in the IAM settings of the account"],
  ["ValidationError", "Correct the ARN, the session name or the duration of the role"]
])

const remedyOf: Problem.Remedy = (name) => stsRemedies.get(name) ?? "Check the role, and the way to AWS STS"

const webRemedies: ReadonlyMap<string, string> = new Map([
  ["AccessDenied", "Allow sts:AssumeRoleWithWebIdentity to the subject of the token, in the trust policy of the role"],
  ["ExpiredToken", "Check what renews the token file"],
  ["IDPRejectedClaim", "Check the audience of the token, and the identity provider in IAM"],
  ["InvalidIdentityToken", "Check the identity provider in IAM, and what writes the token file"],
  ["ValidationError", "Check what writes the token file"]
])

const webRemedyOf: Problem.Remedy = (name) => webRemedies.get(name) ?? remedyOf(name, "")

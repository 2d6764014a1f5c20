/**
 * The credentials of a profile of the AWS configuration files.
 *
 * Profiles are followed here, so that an error names the profile at fault; SSO and login sessions are the SDK's.
 */
import { parseKnownFiles } from "@smithy/core/config"
import * as Effect from "effect/Effect"
import * as ErrorChain from "../error/ErrorChain.ts"
import * as CredentialProcess from "./CredentialProcess.ts"
import * as Machine from "./Machine.ts"
import * as Problem from "./Problem.ts"
import * as Role from "./Role.ts"
import { ofSdk, type SdkCredentials, sending, type Source } from "./Source.ts"

/** The settings of a profile. */
type Settings = Readonly<Record<string, string | undefined>>

/** The profiles by name. */
export type Profiles = Readonly<Record<string, Settings>>

/** The profiles of both files, which are read each time: a file that is missing has none. */
export const readAll: Effect.Effect<Profiles> = Effect.promise(() => parseKnownFiles({ ignoreCache: true }))

/** Whether a profile says how to get credentials. */
export const hasCredentials = (settings: Settings | undefined): boolean =>
  settings !== undefined && Object.keys(settings).some((name) => ofCredentials.test(name))

const ofCredentials = /^(?:aws_access_key_id|aws_secret_access_key|role_arn|credential_process|login_session|sso_.*)$/

/** The credentials of a profile. */
export const source = (name: string): Source => (request) =>
  Effect.flatMap(readAll, (profiles) => follow(profiles, name, [])(request))

/** `path`: the profiles that led here, each by its `source_profile`. */
const follow = (profiles: Profiles, name: string, path: ReadonlyArray<string>): Source => {
  const who = `profile "${name}"`
  const fail = (problem: string, remedy: string): Source => () =>
    Effect.fail(Problem.misconfigured(who, problem, remedy))
  const settings = Object.hasOwn(profiles, name) ? profiles[name] : undefined
  if (settings === undefined) return fail(`${absent}${by(path)}`, `Correct the name, or add it${known(profiles)}`)
  const {
    aws_access_key_id: accessKeyId,
    aws_secret_access_key: secretAccessKey,
    credential_process: command,
    credential_source: origin,
    login_session: login,
    role_arn: roleArn,
    source_profile: next,
    web_identity_token_file: file
  } = settings
  const isStatic = isFilled(accessKeyId) && isFilled(secretAccessKey)
  // A profile that assumes a role with its own keys names itself as their source.
  if (isStatic && path.length > 0) return keys(settings)
  if (isFilled(roleArn) && isFilled(next) && isFilled(origin)) {
    return fail("it has both source_profile and credential_source", "Keep one of them")
  }
  if (isFilled(roleArn) && (isFilled(next) || isFilled(origin))) {
    if (isFilled(settings["mfa_serial"])) {
      return fail(
        "its role wants a code of a second factor",
        "Give `credentials: fromIni({ profile, mfaCodeProvider })` of @aws-sdk/credential-providers"
      )
    }
    if (!isFilled(next)) return assumed(settings, roleArn, machine(origin, who))
    const isItself = next === name && isStatic
    if (!isItself && [...path, name].includes(next)) {
      return fail(
        `its source_profile "${next}" leads back to it`,
        "Let the last profile of the chain have keys of its own"
      )
    }
    return assumed(settings, roleArn, follow(profiles, next, [...path, name]))
  }
  if (isStatic) return keys(settings)
  if (isFilled(file) && isFilled(roleArn)) {
    return Role.ofWebIdentity({
      file,
      roleArn,
      sessionName: settings["role_session_name"],
      variable: `web_identity_token_file of ${who}`
    })
  }
  if (isFilled(command)) return () => CredentialProcess.run(command, name)
  if (Object.keys(settings).some((key) => key.startsWith("sso_"))) return sso(name, who)
  if (isFilled(login)) return loggedIn(name, who)
  if (isFilled(origin) && path.length > 0) return machine(origin, who)
  if (isFilled(accessKeyId) || isFilled(secretAccessKey)) {
    const missing = isFilled(accessKeyId) ? "aws_secret_access_key" : "aws_access_key_id"
    return fail(`it has no ${missing} beside the other key`, `Add ${missing}`)
  }
  return isFilled(roleArn)
    ? fail(
      "its role_arn has no credentials to assume it with",
      "Add source_profile, credential_source or web_identity_token_file"
    )
    : fail(`it has no credentials${by(path)}`, "Add keys, or another way to get credentials, with `aws configure`")
}

const absent = "it is not in the AWS configuration files"

const by = (path: ReadonlyArray<string>): string =>
  path.length === 0 ? "" : `, and source_profile of "${path.at(-1)}" names it`

const known = (profiles: Profiles): string => {
  const names = Object.keys(profiles).slice(0, 6).map((name) => `"${name}"`)
  return names.length === 0 ? "" : `: there are ${names.join(", ")}`
}

const isFilled = (value: string | undefined): value is string => value !== undefined && value !== ""

const keys = (settings: Settings): Source => () => Effect.succeed(keysOf(settings))

const keysOf = (settings: Settings): SdkCredentials => {
  const { aws_access_key_id: accessKeyId = "", aws_secret_access_key: secretAccessKey = "" } = settings
  const sessionToken = settings["aws_session_token"]
  return { accessKeyId, secretAccessKey, ...(isFilled(sessionToken) ? { sessionToken } : {}) }
}

const assumed = (settings: Settings, roleArn: string, from: Source): Source =>
  Role.assumed({
    roleArn,
    sessionName: settings["role_session_name"],
    externalId: settings["external_id"],
    duration: isFilled(settings["duration_seconds"]) ? Number.parseInt(settings["duration_seconds"], 10) : undefined,
    region: settings["region"]
  }, from)

/** The source named by `credential_source`. */
const machine = (origin: string | undefined, who: string): Source =>
  origin === "Environment"
    ? Machine.environment
    : origin === "EcsContainer"
    ? Machine.container
    : origin === "Ec2InstanceMetadata"
    ? Machine.instance()
    : () =>
      Effect.fail(
        Problem.misconfigured(
          who,
          `its credential_source is ${JSON.stringify(origin)}`,
          "Use Environment, EcsContainer or Ec2InstanceMetadata"
        )
      )

const sso = (profile: string, who: string): Source => (request) =>
  ofSdk(
    () =>
      import("@aws-sdk/credential-provider-sso").then(({ fromSSO }) =>
        fromSSO({ ...sending(request), profile, ignoreCache: true })
      ),
    request,
    {
      who: `SSO of ${who}`,
      problem: (error) => session(error, { who, known: ssoProblem(profile), secrets: request.secrets })
    }
  )

const loggedIn = (profile: string, who: string): Source => (request) =>
  ofSdk(
    () =>
      import("@aws-sdk/credential-provider-login").then(({ fromLoginCredentials }) =>
        fromLoginCredentials({ ...sending(request), profile, ignoreCache: true })
      ),
    request,
    {
      who: `the login session of ${who}`,
      problem: (error) => session(error, { who, known: loginProblem(profile), secrets: request.secrets })
    }
  )

/** What went wrong with a session of a user. The SDK's texts quote files of tokens, so none of them is shown. */
const session = (
  error: unknown,
  { known, secrets, who }: {
    readonly who: string
    readonly known: (text: string) => readonly [problem: string, remedy: string]
    readonly secrets: ReadonlySet<string>
  }
): Problem.Problem => {
  const text = ErrorChain.string(error, "message") ?? ""
  const isFinal = ErrorChain.property(error, "tryNextLink") !== true
  // The SDK puts network failures and answers of the service into the text of an error of its own.
  const code = /\b(?:ECONN[A-Z]+|ENOTFOUND|EAI_AGAIN|ETIMEDOUT|EHOSTUNREACH|EPIPE)\b/.exec(text)?.[0]
  const isBusy = /TooManyRequests|InternalServer|ServiceUnavailable|TimeoutError|^(?:Unknown|SyntaxError)\b/.test(text)
  if (code !== undefined || isBusy) {
    const problem = code === undefined ? "its sign-in service could not answer" : Problem.unreached(code)
    return Problem.unanswered(who, problem, "Send the call again in a moment")
  }
  const general = Problem.explain(error, { who, secrets: [...secrets], remedy: () => "" })
  const [problem, remedy] = known(text)
  return { who, problem, remedy, exception: general.exception, isTransient: general.isTransient, isFinal }
}

const ssoProblem = (profile: string) => (text: string): readonly [problem: string, remedy: string] => {
  const login = `Run \`aws sso login --profile ${profile}\``
  if (/ForbiddenException|No access/.test(text)) {
    return ["its SSO user has no access to the account and role", "Check sso_account_id and sso_role_name"]
  }
  if (/missing required|invalid SSO credentials|could not be found|Cannot read properties|Conflicting/.test(text)) {
    return ["its SSO settings are incomplete", `Run \`aws configure sso --profile ${profile}\``]
  }
  return [/not found or is invalid/.test(text) ? "it is not logged in to SSO" : "its SSO session has expired", login]
}

const loginProblem = (profile: string) => (text: string): readonly [problem: string, remedy: string] => {
  if (/insufficient permissions/.test(text)) {
    return ["its login session cannot be renewed", "Allow signin:CreateOAuth2Token"]
  }
  const problem = /expired|change in your password/.test(text)
    ? "its login session has expired"
    : "it is not logged in"
  return [problem, `Run \`aws login --profile ${profile}\``]
}

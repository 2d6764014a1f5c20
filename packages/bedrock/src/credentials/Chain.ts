/**
 * The default chain: the sources of the AWS SDK's own chain, in its order, with what each of them said when none gave
 * credentials.
 */
import * as Effect from "effect/Effect"
import * as Machine from "./Machine.ts"
import * as Problem from "./Problem.ts"
import * as Profile from "./Profile.ts"
import * as Role from "./Role.ts"
import type { Source } from "./Source.ts"

/** What to set when no source is configured. */
const login = "Set `credentials`, `profile` or `apiKey`, or in the environment AWS_ACCESS_KEY_ID and " +
  "AWS_SECRET_ACCESS_KEY, AWS_PROFILE or AWS_BEARER_TOKEN_BEDROCK"

/** A chain that asks each configured source until one gives credentials, or fails in a way that ends the chain. */
export const make = (): Source => {
  const instance = Machine.instance()
  return (request) =>
    Effect.flatMap(Profile.readAll, (profiles) => {
      const sources = configured(profiles, instance)
      const attempt = (index: number, problems: ReadonlyArray<Problem.Problem>): ReturnType<Source> => {
        const source = sources[index]
        if (source === undefined) return Effect.fail(together(problems))
        return Effect.catch(
          source(request),
          (problem) => problem.isFinal ? Effect.fail(problem) : attempt(index + 1, [...problems, problem])
        )
      }
      return attempt(0, [])
    })
}

/** What is set in the environment and in the files of the moment. */
const configured = (profiles: Profile.Profiles, instance: Source): ReadonlyArray<Source> => {
  const sources: Array<Source> = []
  const named = Machine.variable("AWS_PROFILE")
  const hasKey = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"].some((name) => Machine.variable(name) !== undefined)
  if (hasKey) sources.push(named === undefined ? Machine.environment : skipped)
  const profile = named ?? "default"
  if (named !== undefined || Profile.hasCredentials(profiles[profile])) sources.push(Profile.source(profile))
  const file = Machine.variable("AWS_WEB_IDENTITY_TOKEN_FILE")
  const roleArn = Machine.variable("AWS_ROLE_ARN")
  if (file !== undefined && roleArn !== undefined) {
    const sessionName = Machine.variable("AWS_ROLE_SESSION_NAME")
    sources.push(Role.ofWebIdentity({ file, roleArn, sessionName, variable: "AWS_WEB_IDENTITY_TOKEN_FILE" }))
  } else if (file !== undefined || roleArn !== undefined) {
    sources.push(() => Effect.fail(halfWebIdentity(file === undefined)))
  }
  if (Machine.isContainer()) sources.push(Machine.container)
  else if (!Machine.isInstanceDisabled()) sources.push(instance)
  return sources
}

const skipped: Source = () =>
  Effect.fail({
    ...Problem.misconfigured(
      "the environment",
      "its keys are not used, since AWS_PROFILE is set",
      "Unset AWS_PROFILE to use them"
    ),
    isAside: true
  })

const halfWebIdentity = (isFileMissing: boolean): Problem.Problem => {
  const [missing, other] = isFileMissing
    ? ["AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_ARN"]
    : ["AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE"]
  return Problem.misconfigured("web identity", `${missing} is not set beside ${other}`, `Set ${missing}`)
}

/** One problem for all: each source in its own words, and the remedy for the first that was meant to be used. */
const together = (problems: ReadonlyArray<Problem.Problem>): Problem.Problem => {
  const said = problems.map(({ problem, who }) => `${who}: ${problem}`).join("; ")
  return {
    who: "AWS credentials",
    problem: said === "" ? "no source of them is configured" : `no source gave any (${said})`,
    remedy: problems.find(({ isAside }) => isAside !== true)?.remedy ?? login,
    exception: "CredentialsProviderError",
    isTransient: problems.some(({ isTransient }) => isTransient),
    isFinal: true
  }
}

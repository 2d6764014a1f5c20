/** The environment of a test: of Effect's `ConfigProvider`, and of the process for what the SDK reads itself. */
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Crypto from "node:crypto"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"

/** What `ConfigProvider` gives: these variables and no others. */
export const provided = (variables: Record<string, string>) =>
  ConfigProvider.layer(ConfigProvider.fromUnknown(variables))

/** Sets variables of the process until the scope closes, and hides whatever else there is of AWS and proxies. */
export const ofProcess = (variables: Record<string, string>): Effect.Effect<void, never, Scope.Scope> =>
  Effect.asVoid(
    Effect.acquireRelease(
      Effect.sync(() => {
        const before = { ...process.env }
        for (const name of Object.keys(process.env)) if (/^AWS_|_PROXY$/i.test(name)) delete process.env[name]
        Object.assign(process.env, {
          AWS_EC2_METADATA_DISABLED: "true",
          AWS_CONFIG_FILE: "/nonexistent/config",
          AWS_SHARED_CREDENTIALS_FILE: "/nonexistent/credentials",
          ...variables
        })
        return before
      }),
      (before) =>
        Effect.sync(() => {
          for (const name of Object.keys(process.env)) if (!(name in before)) delete process.env[name]
          Object.assign(process.env, before)
        })
    )
  )

/** An empty directory. */
export const directory: Effect.Effect<string, never, Scope.Scope> = Effect.acquireRelease(
  Effect.sync(() => Fs.mkdtempSync(Path.join(Os.tmpdir(), "strata-"))),
  (directory) => Effect.sync(() => Fs.rmSync(directory, { recursive: true }))
)

/** Files of AWS's configuration, and the variables that name them. */
export const files = (contents: { readonly config?: string; readonly credentials?: string }) =>
  Effect.map(directory, (directory) => {
    Fs.writeFileSync(Path.join(directory, "config"), contents.config ?? "")
    Fs.writeFileSync(Path.join(directory, "credentials"), contents.credentials ?? "")
    return {
      AWS_CONFIG_FILE: Path.join(directory, "config"),
      AWS_SHARED_CREDENTIALS_FILE: Path.join(directory, "credentials")
    }
  })

/** A profile `work` of SSO that is logged in, and the variables that name its files. */
export const ssoFiles = Effect.gen(function*() {
  const start = "https://example.awsapps.com/start"
  const named = yield* files({
    config: `[profile work]
sso_start_url = ${start}
sso_region = eu-west-1
sso_account_id = 123456789012
sso_role_name = reader
`
  })
  const home = Path.dirname(named.AWS_CONFIG_FILE)
  const cache = Path.join(home, ".aws", "sso", "cache")
  Fs.mkdirSync(cache, { recursive: true })
  Fs.writeFileSync(
    Path.join(cache, `${Crypto.createHash("sha1").update(start).digest("hex")}.json`),
    JSON.stringify({ accessToken: "token", expiresAt: "2099-01-01T00:00:00Z", startUrl: start, region: "eu-west-1" })
  )
  return { ...named, HOME: home }
})

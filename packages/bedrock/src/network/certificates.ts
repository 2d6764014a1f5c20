/**
 * Certificate authorities that are trusted in addition to Node's own and those of NODE_EXTRA_CA_CERTS.
 */
import * as Check from "@strata/core/Check"
import * as ProviderError from "@strata/core/ProviderError"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Crypto from "node:crypto"
import * as Fs from "node:fs/promises"
import * as Tls from "node:tls"
import type { AwsProfile } from "../client/awsProfile.ts"
import * as Environment from "../internal/environment.ts"
import { providerName } from "../internal/provider.ts"

/**
 * What to trust: the given certificates, else those of the file that `AWS_CA_BUNDLE` names, else of the profile's
 * `ca_bundle`; `undefined` for Node's own. Fails with an `InvalidRequestError` that names the file when it cannot be read
 * or has no certificates.
 */
export const trust = Effect.fnUntraced(function*(
  given: string | ReadonlyArray<string> | undefined,
  { name, settings }: AwsProfile
): Effect.fn.Return<Tls.SecureContext | undefined, ProviderError.InvalidRequestError> {
  if (given !== undefined) return context(typeof given === "string" ? [given] : given)
  const variable = yield* Environment.readAny("AWS_CA_BUNDLE")
  const path = variable ?? settings["ca_bundle"]
  if (path === undefined) return undefined
  const source = variable === undefined ? `ca_bundle of the profile ${name}` : "AWS_CA_BUNDLE"
  const refused = (problem: string) =>
    ProviderError.invalidRequest({
      provider: providerName,
      field: source,
      problem: `${path} ${problem}`,
      remedy: "Name a file of certificates in PEM"
    })
  const text = yield* Effect.tryPromise({
    try: () => Fs.readFile(path, "utf8"),
    catch: (error) => refused(`cannot be read (${codeOf(error)})`)
  })
  const problem = problemOf(text)
  return problem === undefined ? context([text]) : yield* Effect.fail(refused(problem))
})

/** One or several certificates in PEM. */
export const check: Check.Check<string | ReadonlyArray<string>> = (given, at) => {
  const texts = typeof given === "string" ? given : Check.list(Check.filled)(given, at)
  if (texts === Check.refused) return texts
  const problem = typeof texts === "string" ? problemOf(texts) : texts.map(problemOf).find((each) => each !== undefined)
  return problem === undefined ? texts : Check.refuse(at, `the text ${problem}`, "Give certificates in PEM")
}

const problemOf = (pem: string): string | undefined => {
  const blocks = blocksOf(pem)
  if (blocks.length === 0) return "has no certificate in PEM"
  const broken = blocks.findIndex((block) =>
    !isTrusted(block) && Result.isFailure(Result.try(() => new Crypto.X509Certificate(block)))
  )
  return broken < 0 ? undefined : `has a certificate that cannot be read, number ${broken + 1}`
}

const blocksOf = (pem: string): ReadonlyArray<string> =>
  pem.match(/-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----[^-]*-----END (?:TRUSTED |X509 )?CERTIFICATE-----/g) ?? []

/** Whether Node trusts a certificate anyway: the bundle of a system is often that of NODE_EXTRA_CA_CERTS as well. */
const isTrusted = (block: string): boolean => {
  own ??= new Set(Tls.getCACertificates("default").map(compact))
  return own.has(compact(block))
}

let own: ReadonlySet<string> | undefined

const compact = (pem: string): string => pem.replace(/\s/g, "")

/**
 * Made once, as to parse a hundred certificates for each connection takes longer than its handshake; `undefined` where there is
 * nothing to add.
 */
const context = (certificates: ReadonlyArray<string>): Tls.SecureContext | undefined => {
  const added = certificates.flatMap(blocksOf).filter((block) => !isTrusted(block))
  if (added.length === 0) return undefined
  const text = added.join("\n")
  if (latest?.text !== text) {
    latest = { text, context: Tls.createSecureContext({ ca: [...Tls.getCACertificates("default"), ...added] }) }
  }
  return latest.context
}

/** Clients of a program trust the same. */
let latest: { readonly text: string; readonly context: Tls.SecureContext } | undefined

const codeOf = (error: unknown): string =>
  error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "unknown error"

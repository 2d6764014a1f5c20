/**
 * AWS Signature Version 4 in the headers of a request whose body is at hand.
 *
 * The signer of the SDK does the same for requests of any kind, in five times the time.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
 */
import * as Crypto from "node:crypto"

/** The parts of a request that are signed. `path` is encoded as it is sent, `query` is not encoded; none when missing. */
export interface Unsigned {
  readonly method: string
  readonly path: string
  readonly query?: ReadonlyArray<readonly [name: string, value: string]> | undefined
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | Uint8Array | undefined
}

/** Where a signature is valid. */
export interface Scope {
  readonly region: string
  readonly service: string
}

export interface Credentials {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken?: string | undefined
}

/** The headers of a request, with those of its signature. `date` is the time of signing. */
export const sign = (
  { body, headers, method, path, query = [] }: Unsigned,
  { accessKeyId, secretAccessKey, sessionToken }: Credentials,
  scope: Scope,
  date: Date
): Record<string, string> => {
  const time = date.toISOString().replace(/[-:]|\.\d{3}/g, "")
  const day = time.slice(0, 8)
  const signed: Record<string, string> = { ...headers, "x-amz-date": time }
  if (sessionToken) signed["x-amz-security-token"] = sessionToken
  const digest = Crypto.hash("sha256", body ?? "", "hex")
  signed["x-amz-content-sha256"] = digest

  const names = Object.keys(signed).filter((name) => !unsigned.has(name)).sort()
  const canonicalHeaders = names.map((name) => `${name}:${collapse(signed[name]!)}`).join("\n")
  const canonical = `${method}\n${canonicalPath(path)}\n${canonicalQuery(query)}\n${canonicalHeaders}\n\n` +
    `${names.join(";")}\n${digest}`
  const credentialScope = `${day}/${scope.region}/${scope.service}/aws4_request`
  const signature = Crypto.createHmac("sha256", signingKey(secretAccessKey, day, scope))
    .update(`AWS4-HMAC-SHA256\n${time}\n${credentialScope}\n${Crypto.hash("sha256", canonical, "hex")}`)
    .digest("hex")
  signed["authorization"] = `AWS4-HMAC-SHA256 Credential=${accessKeyId}/${credentialScope}, ` +
    `SignedHeaders=${names.join(";")}, Signature=${signature}`
  return signed
}

/** Intermediaries may change it. */
const unsigned: ReadonlySet<string> = new Set(["user-agent"])

/** White space counts once, and at the ends not at all. */
const collapse = (value: string): string =>
  /[\t\r\n]| {2}|^ | $/.test(value) ? value.replace(/[ \t\r\n]+/g, " ").replace(/^ | $/g, "") : value

/** Encoded once more, without empty and dot segments. */
const canonicalPath = (path: string): string => {
  if (path === lastPath) return lastCanonicalPath
  const segments: Array<string> = []
  for (const segment of path.split("/")) {
    if (segment === "..") segments.pop()
    else if (segment !== "" && segment !== ".") segments.push(encode(segment))
  }
  lastPath = path
  return lastCanonicalPath = `/${segments.join("/")}${segments.length > 0 && path.endsWith("/") ? "/" : ""}`
}

/** A program calls few paths, one for each model. */
let lastPath = "/"
let lastCanonicalPath = "/"

/** Sorted by the encoded names, and values. */
const canonicalQuery = (query: NonNullable<Unsigned["query"]>): string =>
  query.map(([name, value]) => `${encode(name)}=${encode(value)}`).sort().join("&")

const encode = (segment: string): string =>
  encodeURIComponent(segment).replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`)

/** The key for a day, region and service, which is derived from the secret by four digests. */
const signingKey = (secret: string, day: string, { region, service }: Scope): Crypto.KeyObject => {
  const scope = `${day}/${region}/${service}`
  if (lastKey?.secret === secret && lastKey.scope === scope) return lastKey.key
  const digest = [day, region, service, "aws4_request"].reduce<string | Buffer>(
    (key, part) => Crypto.createHmac("sha256", key).update(part).digest(),
    `AWS4${secret}`
  )
  lastKey = { secret, scope, key: Crypto.createSecretKey(Buffer.from(digest)) }
  return lastKey.key
}

let lastKey: { readonly secret: string; readonly scope: string; readonly key: Crypto.KeyObject } | undefined

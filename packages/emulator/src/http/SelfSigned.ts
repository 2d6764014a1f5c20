/**
 * A throwaway certificate: a certificate authority, and a certificate for this machine signed by it.
 *
 * Node creates keys and signatures but not certificates, and packages that do bring 20 dependencies and 9 MB; one X.509
 * certificate of a fixed form (RFC 5280) is less. There are two certificates because some clients refuse a server whose
 * certificate is the trusted one itself. The authority's key is discarded at once.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Crypto from "node:crypto"
import * as Net from "node:net"
import * as Der from "./Der.ts"

/**
 * A certificate for this machine, its key, and what clients must trust.
 *
 * - `certificate`, `key`: the server's; PEM. The authority is included, for better error messages.
 * - `authority`: the certificate clients must trust; PEM.
 */
export interface SelfSigned {
  readonly certificate: string
  readonly key: Redacted.Redacted
  readonly authority: string
}

/** Makes a certificate for these names and IP addresses, valid from yesterday for a year. */
export const make = (hosts: ReadonlyArray<string>): Effect.Effect<SelfSigned> =>
  Effect.map(Clock.currentTimeMillis, (now) => {
    const issuer = Crypto.generateKeyPairSync("ec", { namedCurve: "P-256" })
    const server = Crypto.generateKeyPairSync("ec", { namedCurve: "P-256" })
    const authority = sign({
      now,
      issuer,
      subject: { name: authorityName, publicKey: issuer.publicKey },
      extensions: [
        // basicConstraints: an authority without intermediates
        extension("2.5.29.19", Der.sequence(Der.yes, Der.integer(Uint8Array.of(0))), "critical"),
        extension("2.5.29.15", Der.bits(Uint8Array.of(0x04), 2), "critical") // keyUsage: keyCertSign
      ]
    })
    const certificate = sign({
      now,
      issuer,
      subject: { name: "strata-emulator", publicKey: server.publicKey },
      extensions: [
        extension("2.5.29.19", Der.sequence(), "critical"), // basicConstraints: no authority
        extension("2.5.29.15", Der.bits(Uint8Array.of(0x80), 7), "critical"), // keyUsage: digitalSignature
        extension("2.5.29.37", Der.sequence(Der.identifier("1.3.6.1.5.5.7.3.1"))), // extKeyUsage: serverAuth
        extension("2.5.29.17", Der.sequence(...hosts.map(alternativeName))) // subjectAltName
      ]
    })
    const key = server.privateKey.export({ type: "pkcs8", format: "pem" }).toString()
    return { certificate: certificate + authority, key: Redacted.make(key), authority }
  })

const authorityName = "strata-emulator, made for one run"

const day = 24 * 60 * 60 * 1000

interface Unsigned {
  readonly now: number
  readonly issuer: Crypto.KeyPairKeyObjectResult
  readonly subject: { readonly name: string; readonly publicKey: Crypto.KeyObject }
  readonly extensions: ReadonlyArray<Der.Der>
}

const sign = ({ extensions, issuer, now, subject }: Unsigned): string => {
  const algorithm = Der.sequence(Der.identifier("1.2.840.10045.4.3.2")) // ecdsa-with-SHA256
  const content = Der.sequence(
    Der.holding(0, Der.integer(Uint8Array.of(2))), // version 3
    Der.integer(Uint8Array.of(1, ...Crypto.randomBytes(15))),
    algorithm,
    distinguishedName(authorityName),
    Der.sequence(Der.time(now - day), Der.time(now + 365 * day)),
    distinguishedName(subject.name),
    subject.publicKey.export({ type: "spki", format: "der" }),
    Der.holding(
      3,
      Der.sequence(
        ...extensions,
        extension("2.5.29.14", Der.octets(keyIdentifier(subject.publicKey))),
        extension("2.5.29.35", Der.sequence(Der.tagged(0, keyIdentifier(issuer.publicKey))))
      )
    )
  )
  const signature = Crypto.sign("sha256", content, issuer.privateKey)
  const certificate = Buffer.from(Der.sequence(content, algorithm, Der.bits(signature))).toString("base64")
  const lines = certificate.match(/.{1,64}/g) ?? []
  return ["-----BEGIN CERTIFICATE-----", ...lines, "-----END CERTIFICATE-----", ""].join("\n")
}

const extension = (identifier: string, value: Der.Der, critical?: "critical"): Der.Der =>
  Der.sequence(Der.identifier(identifier), ...(critical === undefined ? [] : [Der.yes]), Der.octets(value))

/** A common name only. */
const distinguishedName = (name: string): Der.Der =>
  Der.sequence(Der.set(Der.sequence(Der.identifier("2.5.4.3"), Der.text(name))))

const keyIdentifier = (key: Crypto.KeyObject): Uint8Array =>
  Crypto.createHash("sha1").update(key.export({ type: "spki", format: "der" })).digest()

const alternativeName = (host: string): Der.Der =>
  Net.isIP(host) === 0 ? Der.tagged(2, Buffer.from(host)) : Der.tagged(7, addressBytes(host))

const addressBytes = (address: string): Uint8Array => {
  if (Net.isIPv4(address)) return Uint8Array.from(address.split("."), Number)
  // the URL parser normalizes an address, with at most one `::`
  const [head = "", tail] = new URL(`http://[${address.replace(/%.*/, "")}]`).hostname.slice(1, -1).split("::")
  const groups = (part: string) => part === "" ? [] : part.split(":").map((group) => parseInt(group, 16))
  const [before, after] = [groups(head), groups(tail ?? "")]
  const gap = Array.from({ length: 8 - before.length - after.length }, () => 0)
  return Uint8Array.from([...before, ...gap, ...after].flatMap((group) => [group >> 8, group & 0xff]))
}

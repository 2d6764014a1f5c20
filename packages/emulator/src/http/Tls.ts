/**
 * The TLS configuration of an emulator: a certificate with its key, given or created at the start.
 */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as NodeTls from "node:tls"
import * as SelfSigned from "./SelfSigned.ts"

/**
 * A certificate, followed by intermediates if there are any, and its key: both PEM, the key without a passphrase.
 * `self-signed`: created at the start, for `localhost`, 127.0.0.1, ::1 and the host the emulator listens on.
 */
export type Options = "self-signed" | { readonly certificate: string; readonly key: Redacted.Redacted }

/** The certificate or the key cannot be read, or they do not belong together; `cause` is Node's error. */
export class TlsError extends Data.TaggedError("TlsError")<{ readonly message: string; readonly cause: unknown }> {}

/** `server`: does not listen itself; sockets are handed to it. `certificate`: the one clients must trust, as PEM. */
export interface Tls {
  readonly server: NodeTls.Server
  readonly certificate: string
}

/** Creates the TLS server for this host. ALPN prefers HTTP/2. */
export const make = Effect.fnUntraced(function*(options: Options, host: string): Effect.fn.Return<Tls, TlsError> {
  if (options !== "self-signed") return yield* load(options.certificate, options.key, options.certificate)
  const hosts = new Set(["localhost", "127.0.0.1", "::1", ...(anyAddress.has(host) ? [] : [host])])
  const { authority, certificate, key } = yield* SelfSigned.make([...hosts])
  return yield* load(certificate, key, authority)
})

const anyAddress: ReadonlySet<string> = new Set(["0.0.0.0", "::"])

/** A client that offers only other protocols is refused; ALPN is optional. */
const protocols = ["h2", "http/1.1"]

const load = (certificate: string, key: Redacted.Redacted, trusted: string): Effect.Effect<Tls, TlsError> =>
  Effect.try({
    try: () => ({
      server: NodeTls.createServer({ cert: certificate, key: Redacted.value(key), ALPNProtocols: protocols }),
      certificate: trusted
    }),
    catch: (cause) =>
      new TlsError({
        message: `Cannot use this certificate and key: ${cause instanceof Error ? cause.message : String(cause)}`,
        cause
      })
  })

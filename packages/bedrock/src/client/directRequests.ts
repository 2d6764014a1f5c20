/**
 * Sends commands without the middleware of the SDK, which costs ten times what serializing and signing does.
 *
 * The first command of a client is sent by the SDK, and shows what is the same for all: endpoint, user agent, kind and
 * scope of the signature. From then on the SDK's protocol serializes, `Signature` signs, and the client's handler sends.
 * That first request is also made here, and has to be the same byte for byte; if it is not, because of an update of the SDK
 * or middleware of the user, the SDK sends all commands of that client.
 */
import {
  ApplyGuardrail$,
  ApplyGuardrailCommand,
  type ApplyGuardrailCommandInput,
  type BedrockRuntimeClient,
  Converse$,
  ConverseCommand,
  type ConverseCommandInput,
  ConverseStream$,
  ConverseStreamCommand,
  type ConverseStreamCommandInput,
  CountTokens$,
  CountTokensCommand,
  type CountTokensCommandInput,
  InvokeModel$,
  InvokeModelCommand,
  type InvokeModelCommandInput,
  InvokeModelWithResponseStream$,
  InvokeModelWithResponseStreamCommand
} from "@aws-sdk/client-bedrock-runtime"
import * as Clock from "effect/Clock"
import * as Predicate from "effect/Predicate"
import { Buffer } from "node:buffer"
import * as Crypto from "node:crypto"
import * as Exchange from "../wire/Exchange.ts"
import * as Signature from "./signature.ts"

/** Sends an input that has an `Exchange` attached, which takes the response. A promise, as all parts of the SDK are. */
export type Send<Input> = (client: BedrockRuntimeClient, input: Input) => Promise<unknown>

/** The part of the SDK's protocol that is used. Of the context it reads the endpoint only. */
interface Protocol {
  readonly serializeRequest: (
    schema: OperationSchema,
    input: object,
    context: { readonly endpoint: () => Promise<object> }
  ) => Promise<Request>
}

/** Its own type is a union of generic functions, which cannot be called. */
const protocolOf = ({ protocol }: Config): Protocol => protocol as unknown as Protocol

interface OperationSchema {
  readonly namespace: string
  readonly name: string
  readonly traits: unknown
  readonly input: unknown
  readonly output: unknown
}

type Request = Exchange.Request

/**
 * What all requests of a client have in common.
 *
 * - `endpoint`: where they go, as the protocol asks for it.
 * - `headers`: those that are always the same.
 * - `scope`: where signatures are valid; without it the client authenticates by a bearer token.
 */
interface Template {
  readonly endpoint: () => Promise<object>
  readonly headers: Readonly<Record<string, string>>
  readonly scope: Signature.Scope | undefined
}

/** `none`: the SDK sends. A promise while the first request is on its way through the SDK. */
const templates = new WeakMap<BedrockRuntimeClient, Template | "none" | Promise<void>>()

const operation = <Input extends object>(
  [, namespace, name, traits, input, output]: typeof Converse$,
  bySdk: Send<Input>
): Send<Input> => {
  const schema = { namespace, name, traits, input, output }
  const send: Send<Input> = (client, request) => {
    const known = templates.get(client)
    if (known instanceof Promise) return known.then(() => send(client, request))
    const exchange = Exchange.of(request)
    if (exchange === undefined || known === "none") return bySdk(client, request)
    return known === undefined
      ? learn(client, schema, request, exchange, bySdk)
      : make(client, schema, request, known).then((made) => Exchange.send(client, made, exchange))
  }
  return send
}

export const converse = operation<ConverseCommandInput>(
  Converse$,
  (client, input) => client.send(new ConverseCommand(input))
)

export const converseStream = operation<ConverseStreamCommandInput>(
  ConverseStream$,
  (client, input) => client.send(new ConverseStreamCommand(input))
)

export const invokeModel = operation<InvokeModelCommandInput>(
  InvokeModel$,
  (client, input) => client.send(new InvokeModelCommand(input))
)

export const invokeModelStream = operation<InvokeModelCommandInput>(
  InvokeModelWithResponseStream$,
  (client, input) => client.send(new InvokeModelWithResponseStreamCommand(input))
)

export const countTokens = operation<CountTokensCommandInput>(
  CountTokens$,
  (client, input) => client.send(new CountTokensCommand(input))
)

export const applyGuardrail = operation<ApplyGuardrailCommandInput>(
  ApplyGuardrail$,
  (client, input) => client.send(new ApplyGuardrailCommand(input))
)

/** Lets the SDK send, while other calls wait until its request is complete. */
const learn = <Input extends object>(
  client: BedrockRuntimeClient,
  schema: OperationSchema,
  input: Input,
  exchange: Exchange.Exchange,
  bySdk: Send<Input>
): Promise<unknown> => {
  let settle = (_template: Template | "none" | undefined): void => {}
  const learning = new Promise<void>((resolve) => {
    settle = (template) => {
      if (template === undefined) templates.delete(client)
      else templates.set(client, template)
      resolve()
    }
  })
  templates.set(client, learning)
  exchange.onRequest = (sent) => void derive(client, schema, input, sent).then(settle, () => settle("none"))
  const sent = bySdk(client, input)
  // A request that was not made says nothing about the next.
  const over = () => {
    if (exchange.address === undefined) settle(undefined)
  }
  sent.then(over, over)
  return sent
}

/** The template of a request the SDK made, if it leads to the same request. */
const derive = (
  client: BedrockRuntimeClient,
  schema: OperationSchema,
  input: object,
  sent: Request
): Promise<Template | "none"> => {
  const { headers } = sent
  const template = templateOf(sent)
  return template === undefined
    ? Promise.resolve("none")
    : make(client, schema, input, template, headers[invocation], dateOf(headers["x-amz-date"])).then((made) =>
      isSame(made, sent) ? template : "none"
    )
}

const templateOf = ({ headers, hostname, path, port, protocol, query }: Request): Template | undefined => {
  const at = path.search(/\/(model|guardrail)\/[^/]*\/[^/]*(\/[^/]*){0,2}$/)
  const [, region, service] = /Credential=[^/]+\/\d{8}\/([^/]+)\/([^/]+)\//.exec(headers["authorization"] ?? "") ?? []
  const scope = region === undefined || service === undefined ? undefined : { region, service }
  const isKnown = scope !== undefined || headers[bearer]?.startsWith("Bearer ") === true
  if (at < 0 || !isKnown || Object.keys(query ?? {}).length > 0) return undefined
  const endpoint = { protocol, hostname, port, path: path.slice(0, at) || "/", query: {} }
  const common = Object.entries<string>(headers).filter(([name]) => commonHeaders.has(name))
  return { endpoint: () => Promise.resolve(endpoint), headers: Object.fromEntries(common), scope }
}

/** The headers that every request of a client has. */
const commonHeaders: ReadonlySet<string> = new Set([
  "x-amz-user-agent",
  "user-agent",
  "host",
  ":authority",
  "amz-sdk-request"
])

const invocation = "amz-sdk-invocation-id"

/** The SDK writes it like this for a token, and in lower case for a signature. */
const bearer = "Authorization"

const dateOf = (time: string | undefined): Date | undefined =>
  time === undefined
    ? undefined
    : new Date(time.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, "$1-$2-$3T$4:$5:$6Z"))

const isSame = (made: Request, sent: Request): boolean =>
  made.method === sent.method && made.path === sent.path && made.protocol === sent.protocol &&
  made.hostname === sent.hostname && made.port === sent.port &&
  Object.keys(made.headers).length === Object.keys(sent.headers).length &&
  Object.entries(made.headers).every(([name, value]) => sent.headers[name] === value) &&
  bytesOf(made.body).equals(bytesOf(sent.body))

const bytesOf = (body: unknown): Buffer =>
  body instanceof Uint8Array
    ? Buffer.from(body.buffer, body.byteOffset, body.byteLength)
    : Buffer.from(String(body ?? ""))

/** A request as the SDK makes it, its headers in the SDK's order. */
const make = (
  { config }: BedrockRuntimeClient,
  schema: OperationSchema,
  input: object,
  { endpoint, headers: { "amz-sdk-request": attempt, ...common }, scope }: Template,
  id: string = Crypto.randomUUID(),
  date?: Date
): Promise<Request> => {
  return protocolOf(config).serializeRequest(schema, input, { endpoint }).then((request) => {
    // the body of every operation is JSON, text or bytes, or missing
    const body = request.body as string | Uint8Array | undefined
    const headers = {
      ...request.headers,
      ...(body === undefined ? undefined : { "content-length": String(Buffer.byteLength(body)) }),
      ...common,
      [invocation]: id,
      ...(attempt === undefined ? undefined : { "amz-sdk-request": attempt })
    }
    const authenticated = scope === undefined
      ? tokenOf(config).then((token) => ({ ...headers, [bearer]: `Bearer ${token}` }))
      : keysOf(config).then((keys) => {
        const { method, path } = request
        return Signature.sign({ method, path, headers, body }, keys, scope, date ?? timeOf(config))
      })
    return authenticated.then((headers) => Object.assign(request, { headers }))
  })
}

type Config = BedrockRuntimeClient["config"]

/** Real time, also under a test clock, as the SDK signs with it. */
const timeOf = ({ systemClockOffset }: Config): Date =>
  new Date(Clock.Clock.defaultValue().currentTimeMillisUnsafe() + systemClockOffset)

/** Rejects as the SDK does, for what a provider of the program may give. */
const tokenOf = ({ token }: Config): Promise<string> =>
  Promise.resolve(token?.()).then((identity) =>
    identity?.token ||
    Promise.reject(new Error("request could not be signed with `token` since the `token` is not defined"))
  )

/** Rejects as the SDK does, for what a provider of the program may give. */
const keysOf = (config: Config): Promise<Signature.Credentials> =>
  config.credentials().then((keys) =>
    Predicate.isString(keys?.accessKeyId) && Predicate.isString(keys.secretAccessKey)
      ? keys
      : Promise.reject(new Error("Resolved credential object is not valid"))
  )

/** The body that {@link converse} would send, without sending it. */
export const converseBody = ({ config }: BedrockRuntimeClient, input: ConverseCommandInput): Promise<string> => {
  const [, namespace, name, traits, inputSchema, output] = Converse$
  const endpoint = () => Promise.resolve({ protocol: "https:", hostname: "localhost", path: "/" })
  return protocolOf(config).serializeRequest({ namespace, name, traits, input: inputSchema, output }, input, {
    endpoint
  }).then(
    ({ body }) => bytesOf(body).toString()
  )
}

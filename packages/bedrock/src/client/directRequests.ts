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
import * as Predicate from "effect/Predicate"
import { Buffer } from "node:buffer"
import * as Crypto from "node:crypto"
import * as Exchange from "../wire/Exchange.ts"
import * as Signature from "./signature.ts"

/** Sends an input that has an `Exchange` attached, which takes the response. */
export type Send<Input> = (client: BedrockRuntimeClient, input: Input) => Promise<unknown>

/** The part of the SDK's protocol that is used. Of the context it reads the endpoint only. */
interface Protocol {
  readonly serializeRequest: (
    schema: OperationSchema,
    input: object,
    context: { readonly endpoint: () => Promise<object> }
  ) => Promise<Request>
}

interface OperationSchema {
  readonly namespace: string
  readonly name: string
  readonly traits: unknown
  readonly input: unknown
  readonly output: unknown
}
type Request = Exchange.Request

/** What all requests of a client have in common; without a `scope` it authenticates by a bearer token. */
interface Template {
  readonly endpoint: () => Promise<object>
  readonly headers: Readonly<Record<string, string>>
  readonly scope: Signature.Scope | undefined
}

/** `none`: the SDK sends. A promise while the first request is on its way through the SDK. */
const templates = new WeakMap<BedrockRuntimeClient, Template | "none" | Promise<unknown>>()

const operation = <Input extends object>(
  [, namespace, name, traits, input, output]: typeof Converse$,
  bySdk: Send<Input>
): Send<Input> => {
  const schema = { namespace, name, traits, input, output }
  return async (client, request) => {
    let known = templates.get(client)
    if (known instanceof Promise) {
      await known
      known = templates.get(client)
    }
    const exchange = Exchange.of(request)
    if (exchange === undefined || known === "none" || known instanceof Promise) return bySdk(client, request)
    return known === undefined
      ? learn(client, schema, request, exchange, bySdk)
      : direct(client, schema, request, exchange, known)
  }
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

/** Lets the SDK send, and other calls wait until its request is complete. */
const learn = <Input extends object>(
  client: BedrockRuntimeClient,
  schema: OperationSchema,
  input: Input,
  exchange: Exchange.Exchange,
  bySdk: Send<Input>
): Promise<unknown> => {
  let resolve: () => void = () => {}
  const promise = new Promise<void>((done) => {
    resolve = done
  })
  templates.set(client, promise)
  const settle = (template: Template | "none" | undefined) => {
    if (template === undefined) templates.delete(client)
    else templates.set(client, template)
    resolve()
  }
  exchange.onRequest = (sent) => void derive(client, schema, input, sent).then(settle, () => settle("none"))
  const sent = bySdk(client, input)
  // A request that could not be made says nothing about the next.
  const over = () => {
    if (templates.get(client) === promise && exchange.address === undefined) settle(undefined)
  }
  sent.then(over, over)
  return sent
}

/** The template of a request the SDK made, if it leads to the same request. */
const derive = async (
  client: BedrockRuntimeClient,
  schema: OperationSchema,
  input: object,
  sent: Request
): Promise<Template | "none"> => {
  const { headers, hostname, path, port, protocol, query } = sent
  const at = path.search(/\/(model|guardrail)\/[^/]*\/[^/]*(\/[^/]*){0,2}$/)
  const authorization = headers["authorization"] ?? headers[bearer] ?? ""
  const scope = /Credential=[^/]+\/\d{8}\/([^/]+)\/([^/]+)\/aws4_request/.exec(authorization)
  const time = headers["x-amz-date"]
  const isBearer = authorization.startsWith("Bearer ")
  if (at < 0 || Object.keys(query ?? {}).length > 0 || (!isBearer && (scope === null || time === undefined))) {
    return "none"
  }
  const endpoint = { protocol, hostname, port, path: path.slice(0, at) || "/", query: {} }
  const template: Template = {
    endpoint: () => Promise.resolve(endpoint),
    headers: Object.fromEntries(common.flatMap((name) => name in headers ? [[name, headers[name]!]] : [])),
    scope: isBearer ? undefined : { region: scope![1]!, service: scope![2]! }
  }
  const made = await make(client, schema, input, template, headers[invocation], isBearer ? undefined : dateOf(time!))
  return isSame(made, sent) ? template : "none"
}

/** The headers that every request of a client has, in the SDK's order. */
const common = ["x-amz-user-agent", "user-agent", "host", ":authority", "amz-sdk-request"]

const invocation = "amz-sdk-invocation-id"

/** The SDK writes it like this for a token, and in lower case for a signature. */
const bearer = "Authorization"

const dateOf = (time: string): Date =>
  new Date(time.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, "$1-$2-$3T$4:$5:$6Z"))

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

const direct = async (
  client: BedrockRuntimeClient,
  schema: OperationSchema,
  input: object,
  exchange: Exchange.Exchange,
  template: Template
): Promise<void> => {
  const request = await make(client, schema, input, template)
  await Exchange.send(client, request, exchange)
}

/** A request as the SDK makes it. */
const make = async (
  { config }: BedrockRuntimeClient,
  schema: OperationSchema,
  input: object,
  { endpoint, headers, scope }: Template,
  id: string = Crypto.randomUUID(),
  date?: Date
): Promise<Request> => {
  // its own type is a union of generic functions, which cannot be called
  const protocol = config.protocol as unknown as Protocol
  const request = await protocol.serializeRequest(schema, input, { endpoint })
  // every operation has a body of JSON, of text or of bytes, or none
  const body = request.body as string | Uint8Array | undefined
  const { "amz-sdk-request": attempt, ...rest } = headers
  Object.assign(
    request.headers,
    body === undefined ? {} : { "content-length": String(Buffer.byteLength(body)) },
    rest,
    {
      [invocation]: id,
      "amz-sdk-request": attempt
    }
  )
  if (scope === undefined) {
    const identity = await config.token?.()
    if (!identity?.token) throw new Error("request could not be signed with `token` since the `token` is not defined")
    request.headers[bearer] = `Bearer ${identity.token}`
    return request
  }
  const credentials = await config.credentials()
  if (!Predicate.isString(credentials?.accessKeyId) || !Predicate.isString(credentials.secretAccessKey)) {
    throw new Error("Resolved credential object is not valid")
  }
  request.headers = Signature.sign(
    { method: request.method, path: request.path, headers: request.headers, body },
    credentials,
    scope,
    date ?? new Date(Date.now() + config.systemClockOffset)
  )
  return request
}

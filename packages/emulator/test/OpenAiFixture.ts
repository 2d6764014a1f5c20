/**
 * Requests in OpenAI's dialect without a client, and the reading of its streams.
 */
import { Emulator } from "@strata/emulator"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Fixture from "./Fixture.ts"

/** The addresses of {@link Emulator.OpenAiOptions}, and the roots of mantle. */
export type Root = "baseUrl" | "runtimeUrl" | "mantle/v1" | "mantle/openai/v1" | "azureUrl"

export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly text: string
  /** The body, `{}` where it is not JSON. */
  readonly json: Json
}

/** Any JSON, of which a test expects the shape. */
// oxlint-disable-next-line typescript/no-explicit-any
export type Json = any

const parsed = (text: string): Json => {
  try {
    return JSON.parse(text)
  } catch {
    return {}
  }
}

/** Sends a request. */
export const send = Effect.fnUntraced(function*(
  method: string,
  root: Root,
  path: string,
  body?: unknown,
  headers?: Record<string, string>
) {
  const { openai } = yield* Emulator.Emulator
  const base = root === "mantle/v1" || root === "mantle/openai/v1"
    ? `${openai.mantleUrl}${root.slice("mantle".length)}`
    : openai[root]
  const response = yield* Fixture.attempt((signal) =>
    fetch(`${base}/${path}`, {
      method,
      signal,
      headers: {
        authorization: `Bearer ${Redacted.value(openai.apiKey)}`,
        "content-type": "application/json",
        ...headers
      },
      ...(body === undefined ? undefined : { body: typeof body === "string" ? body : JSON.stringify(body) })
    })
  )
  const text = yield* Fixture.attempt(() => response.text())
  const answer: Answer = {
    status: response.status,
    headers: Object.fromEntries(response.headers),
    text,
    json: parsed(text)
  }
  return answer
})

/** Posts a body to OpenAI's own address. */
export const post = (path: string, body: unknown, root: Root = "baseUrl") => send("POST", root, path, body)

export const model = "gpt-4o-mini"

export const hello = { model, messages: [{ role: "user", content: "Hi" }] }

/** Posts to Chat Completions. */
export const chat = (body: object, root?: Root) => post("chat/completions", { ...hello, ...body }, root)

/** Posts to Responses. */
export const respond = (body: object, root?: Root) =>
  post("responses", { model: "gpt-5-mini", input: "Hi", ...body }, root)

/** The events of a stream: their names and data; `[DONE]` is a text. */
export const events = (text: string): ReadonlyArray<{ readonly name: string; readonly data: Json }> =>
  text.split(/\r?\n\r?\n/).filter((event) => /(?:^|\n)data:/.test(event)).map((event) => ({
    name: /^event: (.*)$/m.exec(event)?.[1]?.trim() ?? "",
    data: ((data: string) => data.trim() === "[DONE]" ? "[DONE]" : JSON.parse(data))(
      /^data: (.*)$/m.exec(event)?.[1] ?? ""
    )
  }))

/** The data of the last event. */
export const lastOf = (text: string): Json => events(text).at(-1)?.data

/** A tool, its schema closed. */
export const weather = {
  type: "function",
  function: {
    name: "get_weather",
    description: "How it is in a city",
    strict: true,
    parameters: {
      type: "object",
      properties: { city: { type: "string" } },
      required: ["city"],
      additionalProperties: false
    }
  }
}

/** The same for Responses. */
export const weatherTool = { type: "function", ...weather.function }

/** A call that the assistant made. */
export const call = (id: string, city: string) => ({
  id,
  type: "function",
  function: { name: "get_weather", arguments: JSON.stringify({ city }) }
})

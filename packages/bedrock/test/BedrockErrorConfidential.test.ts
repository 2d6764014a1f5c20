import { assert, describe, it } from "@effect/vitest"
import * as BedrockError from "../src/BedrockError.ts"
import { failed, fromUnknown, model, thrown } from "./support/Errors.ts"

const secretKey = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
const token = "IQoJb3JpZ2luX2VjEJr//////////wEaCXVzLWVhc3QtMSJHMEUCIQDfQ4b"
const prompt = "Patient Björn \"Bo\" Åkesson, born 1961,\nasks whether his <insulin> & salt are safe"

const request = {
  modelId: model,
  messages: [{ role: "user", content: [{ text: prompt }] }],
  toolConfig: { tools: [{ toolSpec: { name: "look_up_a_very_long_tool_name", inputSchema: { json: {} } } }] }
}

const said = (message: string, context: BedrockError.Context = {}) => {
  const error = BedrockError.fromUnknown(thrown("ValidationException", message, 400), {
    model,
    request,
    secrets: [secretKey, token],
    ...context
  })
  return `${error.message} ${String(error.cause)}`
}

const quotings: ReadonlyArray<readonly [name: string, quote: (text: string) => string]> = [
  ["plainly", (text) => text],
  ["in JSON", JSON.stringify],
  ["in JSON in JSON", (text) => JSON.stringify(JSON.stringify({ text }))],
  [
    "in JSON of ASCII",
    (text) =>
      JSON.stringify(text).replace(/[^ -~]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`)
  ],
  [
    "in HTML",
    (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll("\"", "&quot;")
  ],
  ["in a URL", encodeURIComponent],
  ["in Base64", (text) => Buffer.from(text).toString("base64")],
  ["as Python's repr", (text) => `'${text.replaceAll("\n", "\\n").replaceAll("'", "\\'")}'`],
  ["cut short", (text) => text.slice(0, Math.ceil(text.length * 0.6))],
  ["without its beginning", (text) => text.slice(Math.floor(text.length * 0.4))]
]

describe("BedrockError, of an error that echoes the request", () => {
  it.each(quotings)("leaves out the prompt, quoted %s", (_, quote) => {
    const message = said(`Unexpected content: ${quote(prompt)} at position 3`)
    for (const piece of ["kesson", "1961", "insulin", "salt are"]) assert.notInclude(message, piece)
    assert.notInclude(message, Buffer.from(prompt).toString("base64").slice(0, 24))
    assert.include(message, "Unexpected content")
    assert.include(message, "[redacted]")
  })

  it.each(quotings)("leaves out the credentials in force, quoted %s", (_, quote) => {
    for (const secret of [secretKey, token]) {
      const message = said(`Bad header ${quote(secret)} in request`)
      assert.notInclude(message, secret.slice(18, 30))
      assert.notInclude(message, quote(secret))
      assert.include(message, "Bad header")
    }
  })

  it("redacts a short prompt that is quoted whole", () => {
    const short = { messages: [{ role: "user", content: [{ text: "hunter2" }] }] }
    assert.notInclude(said("Value \"hunter2\" is not allowed", { request: short }), "hunter2")
  })

  it("leaves out texts of tools, documents and bodies of InvokeModel", () => {
    const texts: ReadonlyArray<unknown> = [
      { messages: [{ content: [{ toolUse: { name: "f", input: { deep: [prompt] } } }] }] },
      { messages: [{ content: [{ toolResult: { content: [{ json: { a: prompt } }] } }] }] },
      { messages: [{ content: [{ document: { name: "d", source: { text: prompt } } }] }] },
      { system: [{ text: prompt }] },
      { body: JSON.stringify({ inputText: prompt }) },
      { body: new TextEncoder().encode(JSON.stringify({ texts: ["a", prompt] })) }
    ]
    for (const request of texts) assert.notInclude(said(`Unexpected ${prompt} here`, { request }), "kesson")
  })

  it("keeps names of fields, tools and models, and the service's message", () => {
    const texts = [
      "messages.1.content.0.thinking.signature: Field required",
      "tools.0.look_up_a_very_long_tool_name: Extra inputs are not permitted",
      `The model ${model} cannot be called in us-east-1`,
      "The security token included in the request is malformed",
      "Credential: scope must be of the region"
    ]
    for (const text of texts) assert.include(said(text), text)
  })

  it("classifies errors by the service's message, even when the prompt contains the same text", () => {
    const text = "Input is too long for requested model."
    const error = BedrockError.fromUnknown(thrown("ValidationException", text, 400), {
      request: { messages: [{ content: [{ text: `What does "${text}" mean?` }] }] }
    })
    assert.strictEqual(error._tag, "ContextLengthExceededError")
  })

  it("shortens an echo of a long prompt", () => {
    const long = "All work and no play makes Jack a dull boy. ".repeat(40_000)
    const message = said(`Invalid: ${long}`, { request: { messages: [{ content: [{ text: long }] }] } })
    assert.notInclude(message, "no play")
    assert.isBelow(message.length, 5000)
  })

  it("survives a request that cannot be read", () => {
    const hostile = {
      get messages(): never {
        throw new Error("no")
      }
    }
    assert.include(said("Nothing to see", { request: hostile }), "Nothing to see")
  })

  it("removes secrets it was not told of, whatever quotes them", () => {
    const texts = [
      `{"x-amz-security-token":"${token}"}`,
      `aws_secret_access_key = ${secretKey}`,
      `{\\"secretAccessKey\\": \\"${secretKey}\\"}`,
      `proxy http://alice:s3cretpass@proxy.corp:3128 refused`,
      `Authorization: Bearer ${token}`,
      `Proxy-Authorization: Basic ${Buffer.from("alice:s3cretpass").toString("base64")}`,
      `Credential=AKIAIOSFODNN7EXAMPLE/20260101/us-east-1/bedrock/aws4_request, Signature=fe5f80f77d5fa3beca038a248ff027d0`
    ]
    for (const text of texts) {
      const message = fromUnknown(failed(text)).message
      for (
        const secret of [secretKey, token, "s3cretpass", "YWxpY2U6", "AKIAIOSFODNN7EXAMPLE", "fe5f80f77d5fa3beca038"]
      ) assert.notInclude(message, secret)
    }
  })
})

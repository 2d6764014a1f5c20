/**
 * Current models, and short constructors of requests to them.
 */

export const sonnet45 = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
export const sonnet46 = "us.anthropic.claude-sonnet-4-6"
export const opus47 = "us.anthropic.claude-opus-4-7"
export const opus48 = "us.anthropic.claude-opus-4-8"
export const opus5 = "us.anthropic.claude-opus-5"
export const sonnet5 = "global.anthropic.claude-sonnet-5"
export const opus55 = "us.anthropic.claude-opus-5-5"
export const fable = "us.anthropic.claude-fable-5"
export const nova = "amazon.nova-lite-v1:0"
export const nova2 = "us.amazon.nova-2-lite-v1:0"
export const deepseek = "us.deepseek.r1-v1:0"
export const nemotron = "nvidia.nemotron-super-3-120b"

export const user = (...content: ReadonlyArray<unknown>) => ({ role: "user", content })
export const assistant = (...content: ReadonlyArray<unknown>) => ({ role: "assistant", content })
export const say = (text: string) => ({ text })
export const messages = [user(say("Hi"))]
export const cachePoint = { cachePoint: { type: "default" } }
export const object = { type: "object", properties: {} }
export const tool = (json: object, options?: object) => ({ toolSpec: { name: "f", inputSchema: { json }, ...options } })
export const tools = (...tools: ReadonlyArray<object>) => ({ messages, toolConfig: { tools } })
export const strict = (properties: object) =>
  tools(tool({ type: "object", properties, required: Object.keys(properties), additionalProperties: false }, {
    strict: true
  }))
export const force = (choice: object) => ({ messages, toolConfig: { tools: [tool(object)], toolChoice: choice } })
export const thinking = (thinking: object) => ({ messages, additionalModelRequestFields: { thinking } })
export const toolTurn = (...content: ReadonlyArray<unknown>) => ({
  toolConfig: { tools: [tool(object)] },
  messages: [
    user(say("Hi")),
    assistant({ toolUse: { toolUseId: "t1", name: "f", input: {} } }),
    user({ toolResult: { toolUseId: "t1", content } })
  ]
})
export const image = { image: { format: "png", source: { bytes: "AA==" } } }
export const thought = (signature?: string) => ({
  reasoningContent: { reasoningText: { text: "hm", ...(signature === undefined ? {} : { signature }) } }
})
export const afterThought = (signature?: string, ...between: ReadonlyArray<unknown>) => ({
  messages: [user(say("Hi")), assistant(thought(signature), ...between, say("Hello")), user(say("And?"))]
})
export const answerAs = (schema: object) => ({
  messages,
  outputConfig: {
    textFormat: { type: "json_schema", structure: { jsonSchema: { schema: JSON.stringify(schema), name: "answer" } } }
  }
})
export const members = (count: number, member: object, required: boolean) => {
  const properties = Object.fromEntries(Array.from({ length: count }, (_, index) => [`m${index}`, member]))
  return { type: "object", properties, required: required ? Object.keys(properties) : [], additionalProperties: false }
}
export const nullable = { anyOf: [{ type: "string" }, { type: "null" }] }
/** A signature of the length and prefix of Anthropic's. */
export const seal = Buffer.from([0x12, 0x50, ...new Uint8Array(0x50)]).toString("base64")

/** Operation, model and body of a request, and the message of its refusal. */
export type Case = readonly [what: string, model: string, body: object, message?: string]

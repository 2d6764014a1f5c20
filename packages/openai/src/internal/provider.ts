/** The key of what belongs to OpenAI's format: options and metadata of requests, fields of parts. */
export const providerKey = "openai"

/**
 * The lines to paste, in several languages.
 */

/** @import { Client } from "../Admin.ts" */

const hidden = { accessKeyId: "<access key id>", secretAccessKey: "<secret access key>" }

const model = "amazon.nova-lite-v1:0"

/** @satisfies {Record<string, (endpoint: string, client: Client) => string>} */
export const snippets = {
  Shell: (endpoint, { credentials = hidden, region }) =>
    `# for any AWS SDK, in the shell of your program
export AWS_ENDPOINT_URL_BEDROCK=${endpoint}
export AWS_ENDPOINT_URL_BEDROCK_RUNTIME=${endpoint}
export AWS_REGION=${region} AWS_DEFAULT_REGION=${region}
export AWS_ACCESS_KEY_ID=${credentials.accessKeyId}
export AWS_SECRET_ACCESS_KEY=${credentials.secretAccessKey}
unset AWS_PROFILE AWS_SESSION_TOKEN AWS_BEARER_TOKEN_BEDROCK`,

  JavaScript: (endpoint, { credentials = hidden, region }) =>
    `import { BedrockRuntimeClient, ConverseCommand } from "@aws-sdk/client-bedrock-runtime"

const client = new BedrockRuntimeClient({
  endpoint: "${endpoint}",
  region: "${region}",
  credentials: {
    accessKeyId: "${credentials.accessKeyId}",
    secretAccessKey: "${credentials.secretAccessKey}"
  }
})
const { output } = await client.send(
  new ConverseCommand({
    modelId: "${model}",
    messages: [{ role: "user", content: [{ text: "Hello" }] }]
  })
)
console.log(output.message.content)`,

  Python: (endpoint, { credentials = hidden, region }) =>
    `import boto3

client = boto3.client(
    "bedrock-runtime",
    endpoint_url="${endpoint}",
    region_name="${region}",
    aws_access_key_id="${credentials.accessKeyId}",
    aws_secret_access_key="${credentials.secretAccessKey}",
)
answer = client.converse(
    modelId="${model}",
    messages=[{"role": "user", "content": [{"text": "Hello"}]}],
)
print(answer["output"]["message"]["content"])`,

  curl: (endpoint, { apiKey = "<api key>" }) =>
    `curl ${endpoint}/model/${encodeURIComponent(model)}/converse \\
  -H 'authorization: Bearer ${apiKey}' \\
  -H 'content-type: application/json' \\
  -d '{"messages":[{"role":"user","content":[{"text":"Hello"}]}]}'`,

  "AWS CLI": (endpoint, { credentials = hidden, region }) =>
    `AWS_ACCESS_KEY_ID=${credentials.accessKeyId} \\
AWS_SECRET_ACCESS_KEY=${credentials.secretAccessKey} \\
aws bedrock-runtime converse --endpoint-url ${endpoint} --region ${region} \\
  --model-id ${model} \\
  --messages '[{"role": "user", "content": [{"text": "Hello"}]}]'`,

  "OpenAI SDK": (endpoint, { apiKey = "<api key>" }) =>
    `import OpenAI from "openai"

const client = new OpenAI({
  baseURL: "${endpoint}/v1",
  apiKey: "${apiKey}"
})
const answer = await client.chat.completions.create({
  model: "gpt-4o-mini",
  messages: [{ role: "user", content: "Hello" }]
})
console.log(answer.choices[0].message.content)`
}

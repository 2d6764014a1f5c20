// What the SDK costs by itself.
import { BedrockRuntimeClient, ConverseCommand } from "@aws-sdk/client-bedrock-runtime"

const client = new BedrockRuntimeClient({ region: "us-east-1" })

client.send(
  new ConverseCommand({
    modelId: "us.amazon.nova-lite-v1:0",
    messages: [{ role: "user", content: [{ text: "Why is the sky blue?" }] }]
  })
).then(({ output }) => console.log(output?.message?.content?.[0]?.text))

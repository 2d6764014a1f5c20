import { BedrockRuntimeClient, ConverseCommand } from "@aws-sdk/client-bedrock-runtime"

const { output } = await new BedrockRuntimeClient().send(
  new ConverseCommand({ modelId: "amazon.nova-lite-v1:0", messages: [{ role: "user", content: [{ text: "Hi" }] }] })
)
process.stdout.write(output?.message?.content?.[0]?.text ?? "")

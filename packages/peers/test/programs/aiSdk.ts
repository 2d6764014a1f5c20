import { amazonBedrock } from "@ai-sdk/amazon-bedrock"
import { generateText } from "ai"

const { text } = await generateText({ model: amazonBedrock("amazon.nova-lite-v1:0"), prompt: "Hi" })
process.stdout.write(text)

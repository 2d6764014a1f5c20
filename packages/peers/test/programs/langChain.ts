import { ChatBedrockConverse } from "@langchain/aws"

const answer = await new ChatBedrockConverse({ model: "amazon.nova-lite-v1:0" }).invoke("Hi")
process.stdout.write(answer.text)

import { ChatBedrockConverse } from "@langchain/aws"

const { BEDROCK_HOST: endpointHost = "" } = process.env
const answer = await new ChatBedrockConverse({ model: "amazon.nova-lite-v1:0", endpointHost }).invoke("Hi")
process.stdout.write(answer.text)

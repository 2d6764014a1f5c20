/**
 * A Bedrock that writes down what it is asked, and answers what a test says.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as BedrockEmbedding from "../../src/BedrockEmbedding.ts"
import * as InvokeModelDouble from "../support/InvokeModelDouble.ts"
import * as Answers from "./answers.ts"

export type Sent = InvokeModelDouble.Sent<Readonly<Record<string, unknown>>>

/** The texts of a request, whatever the family. */
export const textsOf = ({ body }: Sent): ReadonlyArray<string> =>
  (body.texts ?? [body.inputText]) as ReadonlyArray<string>

/** A client that writes down what is sent and answers what it is told to; the header counts a token for each text. */
export const client = (answer: (sent: Sent) => unknown, sent: Array<Sent> = []) =>
  InvokeModelDouble.layer<Sent["body"]>({
    answer: (request) => Answers.bytes(answer(request)),
    inputTokens: (request) => textsOf(request).length,
    sent
  })

export const provideEmbedding = (options: BedrockEmbedding.Options, ...stub: Parameters<typeof client>) =>
  Effect.provide(Layer.provide(BedrockEmbedding.layer(options), client(...stub)))

/**
 * What 200 customers wrote, what to find out about each of them, and a model for want of a real one.
 */
import { type ChatRequest, Message } from "@strata/core"
import { Effect, FileSystem, Schema, Stream } from "effect"
import { Ndjson } from "effect/encoding"

export const Review = Schema.Struct({ id: Schema.String, product: Schema.String, text: Schema.String })

/** What a model is to say about a review. */
export const Opinion = Schema.Struct({
  sentiment: Schema.Literals(["positive", "mixed", "negative", "neutral"]),
  stars: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 5 }))
})

/** The values of a file with a JSON value on each line. Fails at the first line that does not match the schema. */
export const read = <S extends Schema.Constraint>(path: string, schema: S) =>
  Stream.unwrap(Effect.map(FileSystem.FileSystem, (fs) => fs.stream(path))).pipe(
    Stream.pipeThroughChannel(Ndjson.decodeSchema(schema)({ ignoreEmptyLines: true }))
  )

/** The reviews, from a file. */
export const reviews = read(`${import.meta.dirname}/reviews.jsonl`, Review)

/** How a model is asked. */
export const question = ({ product, text }: typeof Review.Type): string =>
  `What does this customer think of the ${product}, and how many stars, from 1 to 5, is that?\n\n${text}`

/**
 * Offline, this is the model. It looks for some words, and fills in the form that it gets as a tool. It takes customers at
 * their word who give eleven stars, unless it is told that there are only five.
 */
export const model = ({ messages, tools }: ChatRequest.Resolved) => {
  const text = messages.map(Message.textOf).join("\n")
  const sentiment = /love|great|excellent|happy|recommend|best/i.test(text)
    ? complaints.test(text) ? "mixed" : "positive"
    : complaints.test(text)
    ? "negative"
    : "neutral"
  const stars = /eleven/i.test(text) && messages.length === 1
    ? 11
    : { positive: 5, mixed: 3, negative: 1, neutral: 3 }[sentiment]
  return {
    content: [{
      type: "tool-call" as const,
      id: "form",
      name: tools?.[0]?.name ?? "form",
      params: { sentiment, stars }
    }]
  }
}

const complaints = /broke|awful|disappointing|waste|useless|never answered/i

/**
 * The bodies of TwelveLabs Marengo Embed, versions 2.7 and 3.0: a text or an image in, one vector out; with 3.0 also
 * one vector for both. Texts with several images, and objects in S3, are not supported.
 */
import type * as Embedding from "@strata/core/embedding/Embedding"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as AwsError from "../../AwsError.ts"
import * as Tokens from "../../converse/usage/Tokens.ts"
import * as Violation from "../../Violation.ts"
import * as Body from "../Body.ts"
import * as Embed from "./Embed.ts"
import * as Image from "./Image.ts"

const inputText = Schema.String.check(Body.textBetween(1, Infinity))

const MediaSource = Schema.Struct({
  base64String: Schema.optionalKey(Image.Base64),
  s3Location: Schema.optionalKey(Image.S3Location)
})

const readV27 = Body.reader(Schema.Struct({
  inputType: Body.oneOf(["text", "image"]),
  inputText: Schema.optionalKey(inputText),
  textTruncate: Schema.optionalKey(Body.oneOf(["end", "none"])),
  mediaSource: Schema.optionalKey(MediaSource)
}))

const readV30 = Body.reader(Schema.Struct({
  inputType: Body.oneOf(["text", "image", "text_image"]),
  text: Schema.optionalKey(Schema.Struct({ inputText })),
  image: Schema.optionalKey(Schema.Struct({ mediaSource: MediaSource })),
  text_image: Schema.optionalKey(Schema.Struct({ inputText, mediaSource: MediaSource }))
}))

interface Content {
  readonly inputText?: string
  readonly mediaSource?: typeof MediaSource.Type
}

/**
 * Version 2.7: 1024 dimensions; a text of more than 77 tokens is truncated at its end unless `textTruncate` is `none`.
 */
export const v2_7 = Effect.fnUntraced(function*(call: Embed.Call) {
  const request = yield* Effect.fromResult(readV27(call.body))
  const { mediaSource, textTruncate = "end" } = request
  if (request.inputType === "image") {
    if (mediaSource === undefined) return yield* missing("mediaSource")
    return yield* embedOne(call, { image: yield* Effect.fromResult(imageOf(mediaSource, "#/mediaSource")) }, 1024)
  }
  if (request.inputText === undefined) return yield* missing("inputText")
  if (textTruncate === "none" && Tokens.ofText(request.inputText) > 77) return yield* AwsError.inputTooLong
  return yield* embedOne(call, Tokens.truncate(request.inputText, 77, "end"), 1024)
})

/** Version 3.0: 512 dimensions; a text of more than 500 tokens is refused. */
export const v3_0 = Effect.fnUntraced(function*(call: Embed.Call) {
  const request = yield* Effect.fromResult(readV30(call.body))
  const { inputType } = request
  const content: Content | undefined = request[inputType]
  if (content === undefined) return yield* missing(inputType)
  const { inputText: text, mediaSource } = content
  if (text !== undefined && Tokens.ofText(text) > 500) return yield* AwsError.inputTooLong
  const image = mediaSource &&
    (yield* Effect.fromResult(imageOf(mediaSource, `#/${inputType}/mediaSource`)))
  return yield* embedOne(call, Embed.inputOf({ text, image }), 512)
})

const embedOne = Effect.fnUntraced(function*(call: Embed.Call, input: Embedding.Input, dimensions: number) {
  const { vector } = yield* Embed.embedOne(call, input, {
    purpose: "document",
    truncate: "none",
    dimensions,
    explicit: false
  })
  const invoked: Embed.Invoked = { body: { data: [{ embedding: Array.from(vector) }] }, inputTokens: undefined }
  return invoked
})

const imageOf = ({ base64String, s3Location }: typeof MediaSource.Type, at: string) =>
  Image.required(base64String, s3Location, at, "base64String")

const missing = (key: string) => Violation.malformedInput(`#: required key [${key}] not found`)

/**
 * What a part of ours has and one of `effect/ai` has not, as JSON under `strata`. Data of providers go under their own names.
 *
 * A part without a counterpart is an empty text there that carries it whole, as `strata.part`.
 */
import * as Message from "@strata/core/chat/Message"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Struct from "effect/Struct"
import { key } from "../StrataMetadata.ts"

/** `metadata` of a response, `options` of a prompt. */
export type Bag = { readonly [provider: string]: Schema.Json | null }

/** Reads and writes the extras of one kind of part. */
export interface Extras<out A> {
  /** The bag of a part: its extras and the data of providers. `undefined` where it has neither. */
  readonly write: (part: object) => Bag | undefined
  /** The extras in a bag, and the data of providers; or what is wrong with them. */
  readonly read: (bag: unknown) => Result.Result<A, string>
}

const make = <S extends Schema.ConstraintCodec<object, unknown>>(schema: S): Extras<S["Type"]> => {
  const codec = Schema.toCodecJson(schema)
  const encode = Schema.encodeUnknownResult(codec)
  const decode = Schema.decodeUnknownResult(codec)
  return {
    write: (part) => {
      const bag: Record<string, Schema.Json | null> = {}
      const fields = Predicate.hasProperty(part, "providerFields") ? part.providerFields : undefined
      for (const [name, value] of Object.entries(Predicate.isObject(fields) ? fields : {})) {
        if (name !== key) bag[name] = Result.getOrElse(encodeValue(value), () => null)
      }
      // Only what a program put there can have no JSON form; a model cannot.
      const extras = Result.getOrElse(encode(defined(part)), () => ({}))
      // What a JSON codec writes is JSON.
      if (Predicate.isObject(extras) && Object.keys(extras).length > 0) bag[key] = extras as Schema.JsonObject
      return Object.keys(bag).length === 0 ? undefined : bag
    },
    read: (bag) => {
      const strata = Predicate.isObject(bag) ? bag[key] : undefined
      return Result.mapBoth(decode(strata ?? {}), {
        onFailure: ({ message }) => message,
        onSuccess: defined
      })
    }
  }
}

/** A copy without what is `undefined`. */
export const defined = <A extends object>(given: A): A =>
  // Nothing but what may be missing is left out.
  Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as A

export const text = make(Schema.Struct({
  ...Struct.omit(Message.TextPart.fields, ["type", "text", "providerFields"]),
  part: Schema.optional(Message.Part)
}))

export const reasoning = make(
  Schema.Struct(Struct.omit(Message.ReasoningPart.fields, ["type", "text", "providerFields"]))
)

export const file = make(Schema.Struct({
  ...Struct.omit(Message.DocumentPart.fields, ["type", "mediaType", "source", "name"]),
  guard: Message.ImagePart.fields.guard,
  name: Schema.optional(Schema.String),
  source: Schema.optional(Message.DocumentSource)
}))

export const toolCall = make(Schema.Struct({
  providerType: Message.ToolCallPart.fields.providerType,
  // The JSON that the model wrote, where the part of `effect/ai` has another form of it.
  params: Schema.optional(Message.ToolCallPart.fields.params)
}))

export const toolResult = make(Schema.Struct(Struct.pick(Message.ToolResultPart.fields, ["providerType", "cache"])))

export const message = make(Schema.Struct(Struct.pick(Message.UserMessage.fields, ["cache"])))

/** The bag of an empty text that carries a part. */
export const carry = (part: Message.Part): Bag => {
  const json = Result.getOrElse(encodePart(part), () => null)
  return { [key]: { part: json } }
}

/** The data of providers in a bag, by provider. */
export const providerFieldsOf = (bag: unknown): { readonly providerFields?: Readonly<Record<string, unknown>> } => {
  if (!Predicate.isObject(bag)) return {}
  const fields: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(bag)) {
    if (name !== key && value !== null && value !== undefined) {
      fields[name] = Result.getOrElse(decodeValue(value), () => value)
    }
  }
  return Object.keys(fields).length === 0 ? {} : { providerFields: fields }
}

const untyped = Schema.toCodecJson(Message.ToolCallPart.fields.params)

const encodeValue = Schema.encodeUnknownResult(untyped)

const decodeValue = Schema.decodeUnknownResult(untyped)

const encodePart = Schema.encodeUnknownResult(Schema.toCodecJson(Message.Part))

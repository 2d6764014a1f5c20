/**
 * What OpenAI's dialect refuses, with the evidence that the service does: for `Rules`.
 */
import type { Source } from "../converse/rule/Rule.ts"

interface Refusal {
  readonly refuses: string
  readonly source: Source
}

const documented = (refuses: string): Refusal => ({ refuses, source: "documented" })

const reported = (refuses: string): Refusal => ({ refuses, source: "reported" })

/** Of every API. */
export const ofAll: ReadonlyArray<Refusal> = [
  documented("missing members, wrong types, lengths, ranges, patterns, enumerations"),
  reported("unknown members; a local server ignores them"),
  documented("an unknown model, one at another root of mantle than its own, and an API that a model does not have"),
  documented("a tool name of other than 1 to 64 letters, digits, `_` and `-`, and two tools of one name"),
  documented("parameters whose root is not an object"),
  documented(
    "a strict schema with an open object, an optional key, a record, a keyword or a depth that strict schemas do not have"
  ),
  documented("a choice among tools without tools, or of one that is not there"),
  reported("a file by its id: the emulator keeps no files"),
  documented("an image of a type other than PNG, JPEG, GIF and WebP, and bytes that are not base64"),
  documented("a prompt longer than the model's context, and a limit of tokens beyond the model's"),
  reported("images, files, recordings, tools or a schema of the answer for a model that takes none")
]

/** Of Chat Completions. */
export const ofChat: ReadonlyArray<Refusal> = [
  reported("a result without its call, a result of another turn's call, and a call without its result"),
  reported("an assistant message without text, refusal or calls"),
  reported("a call whose id has more than 40 characters, or whose arguments are not a text"),
  documented("`max_tokens` beside `max_completion_tokens`, and `stream_options` without `stream`"),
  reported("`max_tokens`, `stop`, and a `temperature` or `top_p` other than 1 for a model that reasons"),
  reported("`reasoning_effort` for a model of OpenAI that does not"),
  documented("`json_object` when no message has the word JSON"),
  documented("`n` above 1, which the emulator does not have")
]

/** Of Responses. */
export const ofResponses: ReadonlyArray<Refusal> = [
  reported("an output without its call, and a call without its output"),
  reported("reasoning without the item that it led to, and an item of a stored response without its reasoning"),
  reported("reasoning whose encrypted content was changed"),
  documented("an id of an item or a response that was not stored"),
  reported("`reasoning.encrypted_content` and `reasoning.effort` for a model that does not reason"),
  reported("`temperature` and `top_p` for a model that does"),
  documented("`max_output_tokens` below 16"),
  documented("`background`, `conversation`, `prompt` and tools of the service, which the emulator does not have")
]

/** Of embeddings. */
export const ofEmbeddings: ReadonlyArray<Refusal> = [
  documented("an empty text, more than 2048 inputs, 8192 tokens in an input, and 300,000 in all"),
  documented("`dimensions` beyond the model's, and any for a model with one size only")
]

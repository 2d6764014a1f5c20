/**
 * What servers that are compatible with OpenAI do otherwise, to test clients with: each by its name, and those of some
 * servers.
 */

/**
 * One departure from OpenAI.
 *
 * - `calls-at-index-zero`: all calls of a stream have index 0. `calls-without-id`: they have no id.
 * - `arguments-as-object`: the arguments of calls are an object, not text. `whole-calls`: a stream sends each call in
 *   one piece.
 * - `calls-as-text`: calls are text of the answer, and it stops as if there were none.
 * - `stop-with-calls`: an answer with calls stops by `stop`.
 * - `reasoning`, `reasoning-content`, `reasoning-in-tags`: reasoning is a member of that name of a message, or is
 *   between `<think>` tags in its text.
 * - `no-stream-options`: they are refused. `no-usage`: answers have none.
 * - `usage-beside-text`: the usage of a stream comes with its last piece.
 * - `developer-refused`: messages of the role `developer` are refused, and `system` is the name of it.
 * - `fenced-json`: JSON is within a Markdown fence.
 * - `float-vectors`: vectors are numbers whatever encoding was asked for.
 * - `comments`: a stream has comments between its events. `crlf`: its lines end in CRLF.
 * - `filters-first`: a stream begins with an event without choices, as on Azure.
 */
export type Quirk = (typeof names)[number]
/** The names of all {@link Quirk}s. */
export const names = [
  "calls-at-index-zero",
  "calls-without-id",
  "arguments-as-object",
  "whole-calls",
  "calls-as-text",
  "stop-with-calls",
  "reasoning",
  "reasoning-content",
  "reasoning-in-tags",
  "no-stream-options",
  "no-usage",
  "usage-beside-text",
  "developer-refused",
  "fenced-json",
  "float-vectors",
  "comments",
  "crlf",
  "filters-first"
] as const

/** A set of quirks. */
export type Quirks = ReadonlySet<Quirk>

/** Ollama's `/v1`. */
export const ollama: ReadonlyArray<Quirk> = ["calls-at-index-zero", "whole-calls", "reasoning", "float-vectors"]

/** Older versions of Ollama, and others whose calls have objects. */
export const objects: ReadonlyArray<Quirk> = ["arguments-as-object", "whole-calls", "stop-with-calls"]

/** vLLM. */
export const vllm: ReadonlyArray<Quirk> = ["reasoning", "developer-refused"]

/** LM Studio with a model whose calls it does not parse. */
export const lmStudio: ReadonlyArray<Quirk> = [
  "calls-as-text",
  "reasoning-in-tags",
  "developer-refused",
  "fenced-json",
  "float-vectors"
]

/** Azure OpenAI with asynchronous filters. */
export const azure: ReadonlyArray<Quirk> = ["filters-first"]

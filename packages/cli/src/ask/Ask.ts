/**
 * `strata ask`: one question, with files, and its answer as the model writes it.
 */
import { ChatEvent, type ChatRequest, ChatResponse, ChatService, type Message } from "@strata/core"
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as CommandError from "../process/CommandError.ts"
import { Output } from "../process/Output.ts"
import * as StandardInput from "../process/StandardInput.ts"
import * as ModelFlags from "../provider/ModelFlags.ts"
import * as Provider from "../provider/Provider.ts"
import * as AnswerSchema from "./AnswerSchema.ts"
import * as Attachment from "./Attachment.ts"

const input = Argument.String("question").pipe(
  Argument.optional,
  Argument.withDescription("The question; standard input when it is missing or `-`")
)

const files = Argument.String("file").pipe(
  Argument.variadic(),
  Argument.withDescription("Images, documents, recordings and texts that it is about; `-` for standard input")
)

/** The command. */
export const command = Command.make(
  "ask",
  {
    input,
    files,
    model: ModelFlags.chatModel,
    system: ModelFlags.system,
    schema: ModelFlags.schema,
    maxTokens: ModelFlags.maxTokens(4096),
    temperature: ModelFlags.temperature,
    ...Provider.flags
  },
  Effect.fnUntraced(function*(given) {
    const answerSchema = Option.isSome(given.schema) ? yield* AnswerSchema.read(given.schema.value) : undefined
    const content = yield* contentOf(Option.getOrElse(given.input, () => "-"), given.files)
    const { layer } = yield* Provider.select(given, { chatModel: Option.getOrUndefined(given.model) })
    const messages: ReadonlyArray<Message.Message> = [
      ...Option.toArray(given.system).map((content): Message.Message => ({ role: "system", content })),
      { role: "user", content }
    ]
    const request: ChatRequest.ChatRequest = {
      messages,
      maxTokens: given.maxTokens,
      ...(Option.isSome(given.temperature) && { temperature: given.temperature.value }),
      ...(answerSchema !== undefined && { responseFormat: answerSchema.format })
    }
    yield* Effect.provide(answer(request, answerSchema), layer)
  })
).pipe(
  Command.withDescription("Ask a model, and read the answer as it is written"),
  Command.withExamples([
    { command: "strata ask \"Why is the sky blue?\"", description: "Ask" },
    { command: "strata ask \"What is in this picture?\" photo.jpg", description: "Ask about files" },
    { command: "git diff | strata ask \"Review this\" -", description: "Ask about standard input" },
    { command: "strata ask \"The invoice as JSON\" invoice.pdf --schema invoice.schema.json", description: "Extract" }
  ])
)

const contentOf = Effect.fnUntraced(function*(question: string, files: ReadonlyArray<string>) {
  if ([question, ...files].filter((input) => input === "-").length > 1) {
    return yield* CommandError.usage("Standard input can be read once: use one `-`")
  }
  const parts: Array<Message.UserPart> = []
  for (const file of files) {
    parts.push(file === "-" ? yield* standardInput("standard input") : yield* Attachment.read(file))
  }
  if (question === "-") {
    const bytes = yield* StandardInput.all(Attachment.maxBytes)
    parts.push(...yield* questionOf(bytes))
  } else parts.push({ type: "text", text: question })
  return parts
})

const standardInput = (name: string) =>
  Effect.flatMap(StandardInput.all(Attachment.maxBytes), (bytes) => Attachment.of(name, bytes))

const questionOf = Effect.fnUntraced(function*(bytes: Uint8Array) {
  const text = yield* Effect.try({
    try: () => new TextDecoder("utf-8", { fatal: true }).decode(bytes).trim(),
    catch: (cause) => CommandError.usage("The question on standard input is not text in UTF-8", cause)
  })
  if (text === "") return yield* CommandError.usage("There is no question: standard input is empty")
  return [{ type: "text" as const, text }]
})

const answer = Effect.fnUntraced(function*(
  request: ChatRequest.ChatRequest,
  schema: AnswerSchema.AnswerSchema | undefined
) {
  const output = yield* Output
  const isShown = schema === undefined && !output.isJson
  let last = "\n"
  const show = (text: string) => {
    last = text.at(-1) ?? last
    return output.text(text)
  }
  const response = yield* ChatEvent.collect(
    Stream.tap(
      ChatService.stream(request),
      (event) => isShown && event.type === "text-delta" ? show(event.delta) : Effect.void
    )
  ).pipe(
    // Also where it fails in the middle, so that the error begins a line of its own.
    Effect.ensuring(Effect.suspend(() => last === "\n" ? Effect.void : Effect.ignore(output.text("\n"))))
  )
  const value = schema === undefined ? undefined : yield* schema.decode(response)
  if (output.isJson) yield* output.json(reportOf(response, value))
  else if (schema !== undefined) yield* output.text(`${JSON.stringify(value, undefined, 2)}\n`)
  yield* output.note(summaryOf(response))
  const incomplete = unfinished[response.finishReason]
  if (incomplete !== undefined) return yield* CommandError.failed(incomplete)
})

/** What `--json` writes. */
const reportOf = (response: ChatResponse.ChatResponse, value: unknown) => ({
  text: response.text,
  ...(value !== undefined && { value }),
  model: response.model,
  finishReason: response.finishReason,
  usage: response.usage,
  ...(response.cost !== undefined && { cost: response.cost }),
  ...(response.requestId !== undefined && { requestId: response.requestId })
})

const summaryOf = ({ cost, model, usage }: ChatResponse.ChatResponse): string =>
  [
    `${model}: ${usage.inputTokens + usage.cacheReadTokens + usage.cacheWriteTokens} tokens in`,
    `${usage.outputTokens} out`,
    ...(cost === undefined ? [] : [`${cost.total.toPrecision(2)} ${cost.currency ?? "USD"}`])
  ].join(", ")

/** Half an answer is no success. */
const unfinished: { readonly [Reason in ChatResponse.FinishReason]?: string } = {
  length: "The answer is cut at --max-tokens: allow more",
  "context-length": "The answer is cut: question and answer are longer than the model can hold",
  "content-filter": "The provider's content filter withheld the rest of the answer",
  guardrail: "A guardrail withheld the answer",
  refusal: "The model refused to answer"
}

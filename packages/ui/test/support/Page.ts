/**
 * The other side, by others: the client of the AI SDK, as a page without a browser has it.
 */
import { Chat } from "@ai-sdk/react"
import type { UiChunk } from "@strata/ui"
import {
  type ChatInit,
  DefaultChatTransport,
  readUIMessageStream,
  type UIMessage,
  type UIMessageChunk,
  uiMessageChunkSchema
} from "ai"
import { Effect } from "effect"

/** The client shows a step that has just begun with the next chunk. */
const seen = { type: "message-metadata", messageMetadata: {} }

/** The message that the client has after these chunks; fails as it does, also for one that an `error` chunk ends. */
export const read = (chunks: ReadonlyArray<UiChunk.Chunk>, message?: UIMessage) =>
  Effect.tryPromise(async () => {
    let last: UIMessage | undefined
    const errors: Array<unknown> = []
    const stream = new ReadableStream<UIMessageChunk>({
      async start(controller) {
        // By way of the wire: JSON, and the schema of the client.
        for (const chunk of [...chunks, seen]) {
          const result = await uiMessageChunkSchema().validate!(JSON.parse(JSON.stringify(chunk)))
          if (!result.success) throw result.error
          controller.enqueue(result.value)
        }
        controller.close()
      }
    })
    const states = readUIMessageStream({
      stream,
      ...(message && { message: structuredClone(message) }),
      onError: (error) => errors.push(error)
    })
    for await (const state of states) last = state
    if (last !== undefined && Object.keys(last.metadata ?? {}).length === 0) delete last.metadata
    return { message: last, errors }
  })

/** A page that talks to a server. */
export const open = (api: string, options: Partial<ChatInit<UIMessage>> & { readonly resumeId?: string } = {}) => {
  const { resumeId, ...init } = options
  return new Chat<UIMessage>({
    ...(resumeId !== undefined && { id: resumeId }),
    transport: new DefaultChatTransport({ api }),
    ...init
  })
}

/** Runs an action of the page to its end: errors become the state of the page. */
export const act = (action: () => void | PromiseLike<void>) => Effect.promise(async () => void await action())

/** Waits until the page is as it should be; without a limit of its own: tests have one. */
export const until = (is: () => boolean): Effect.Effect<void> =>
  Effect.callback<void>((resume) => {
    const check = () => is() ? resume(Effect.void) : void (timer = setTimeout(check, 5))
    let timer: ReturnType<typeof setTimeout> | undefined
    check()
    return Effect.sync(() => clearTimeout(timer))
  })

/** The text of the last message. */
export const textOf = (message: UIMessage | undefined): string =>
  message?.parts.map((part) => part.type === "text" ? part.text : "").join("") ?? ""

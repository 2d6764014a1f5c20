/**
 * The messages of a page as the history of a chat: valid for providers whatever state their tool calls are in.
 *
 * What the page says is data, never authority: no call runs because a message claims that it was approved.
 */
import type * as Message from "@strata/core/chat/Message"
import * as Check from "@strata/core/Check"
import type * as ProviderError from "@strata/core/ProviderError"
import * as Effect from "effect/Effect"
import { isString } from "effect/Predicate"
import * as Files from "./internal/files.ts"
import * as History from "./internal/history.ts"
import * as UiMessage from "./UiMessage.ts"

/**
 * Which files a page may send.
 *
 * - `accept`: media types of files that the model takes, such as `image/png` or `image/*`. {@link acceptedFiles} when missing.
 * - `allowUrl`: whether a file may be sent by its URL, which the provider then reads. No URL when missing: a client could
 *   name any object in a bucket of yours. Data URLs are always read.
 * - `system`: `refuse` (when missing) or `keep` system messages, which a page should not send.
 */
export interface Options {
  readonly accept?: ReadonlyArray<string> | undefined
  readonly allowUrl?: ((url: string) => boolean) | undefined
  readonly system?: "refuse" | "keep" | undefined
}

/** The files that most models take: images, PDF, text and office documents. */
export const acceptedFiles: ReadonlyArray<string> = Files.accepted

/**
 * The history of a conversation, for `ChatService` and `ToolLoop`: each call has exactly one result.
 *
 * - Signatures, citations and the data of providers come back from the metadata where `UiStream` put them.
 * - A call without a result gets one that says it was not run, whatever approval the page claims; a call that was not
 *   written to its end is left out, as are empty messages and parts that are for the page only.
 * - Ids of calls that are used twice are replaced.
 *
 * Fails with an `InvalidRequestError` for a system message, for a file that `options` do not accept or that cannot be read,
 * for a data URL of another type than the part declares, and for a last message without content.
 */
export const toMessages = (
  messages: ReadonlyArray<UiMessage.UiMessage>,
  options?: Options
): Effect.Effect<ReadonlyArray<Message.Message>, ProviderError.InvalidRequestError> =>
  Effect.flatMap(
    UiMessage.read(messages),
    (messages) => Check.run(History.check(settle(options)), messages, { provider: "strata", field: "messages" })
  )

/** The options with their defaults; those that have the wrong type count as missing. */
const settle: (options: Options | undefined) => Files.Settings = Check.total(
  (options) => ({
    accept: Check.itemsOf(options?.accept)?.filter(isString) ?? Files.accepted,
    allowUrl: typeof options?.allowUrl === "function" ? options.allowUrl : () => false,
    system: options?.system === "keep" ? "keep" : "refuse"
  }),
  () => ({ accept: Files.accepted, allowUrl: () => false, system: "refuse" })
)

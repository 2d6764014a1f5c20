/**
 * Where conversations are kept: a log of records for each, to which is only appended.
 *
 * {@link layerMemory} keeps them in this process; `ConversationPersistence` of `@strata/persistence` in SQL, Redis, and what
 * `KeyValueStore` and `Persistence` of Effect reach. A store of your own is three functions, see {@link fromLog}.
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import * as Message from "../chat/Message.ts"
import * as Check from "../Check.ts"
import * as Lazy from "../internal/lazy.ts"
import * as Total from "../internal/total.ts"
import * as TaggedError from "../TaggedError.ts"
import * as ConversationRecord from "./ConversationRecord.ts"

/**
 * Another turn of the conversation was written first; nothing was written.
 *
 * When: two turns of one conversation run at the same time, in one process or in several.
 *
 * - `expected`, `actual`: revisions of the conversation.
 *
 * Remedy: open the conversation again and send the turn again.
 */
export class ConversationConflictError
  extends TaggedError.make<ConversationConflictError>()("ConversationConflictError", {
    conversation: Schema.String,
    expected: Schema.Finite,
    actual: Schema.optional(Schema.Finite),
    message: Schema.String
  })
{}

/**
 * The store of conversations failed, or holds what is no conversation.
 *
 * When: `Conversation.open`, a turn or a list reads from or writes to a store that fails or does not answer in time.
 *
 * - `operation`: what failed: `read`, `append` or `list`.
 *
 * Remedy: check the store, then send the turn again; `unsaved` is what had arrived and could not be written.
 */
export class ConversationStoreError extends TaggedError.make<ConversationStoreError>()("ConversationStoreError", {
  operation: Schema.Literals(["read", "append", "list"]),
  conversation: Schema.optional(Schema.String),
  message: Schema.String,
  unsaved: Schema.optional(Schema.Array(Message.Message)),
  cause: Schema.optional(Schema.Defect())
}) {}

/** Conversations by their ids, in the order of their UTF-16 code units: those that begin with `prefix`, after `after`. */
export interface ListOptions {
  readonly prefix?: string | undefined
  readonly after?: string | undefined
  /** 100 when missing. */
  readonly limit?: number | undefined
}

/**
 * The store. An id is 1 to 200 characters.
 *
 * - `append`: writes one record as revision `expected + 1`, if the conversation has revision `expected`, which is 0 before
 *   the first one; else it fails with {@link ConversationConflictError}. The record is there whole or not at all, also if
 *   the process is killed. Gives the new revision.
 * - `read`: the records after a revision, oldest first; that of the record `records[i]` is `after + 1 + i`.
 * - `list`: ids of conversations.
 */
export class ConversationStore extends Context.Service<ConversationStore, {
  readonly append: (
    id: string,
    record: ConversationRecord.Record,
    expected: number
  ) => Effect.Effect<number, ConversationConflictError | ConversationStoreError>
  readonly read: (
    id: string,
    after?: number
  ) => Effect.Effect<ReadonlyArray<ConversationRecord.Record>, ConversationStoreError>
  readonly list: (options?: ListOptions) => Effect.Effect<ReadonlyArray<string>, ConversationStoreError>
}>()("@strata/core/conversation/ConversationStore") {}

/** Which keys of a {@link Log} are wanted: those that begin with `prefix`, greater than `after`, at most `limit`. */
export interface Page {
  readonly prefix: string
  readonly after: string
  readonly limit: number
}

/**
 * A log of texts under keys, for stores. Any well-formed text of 1 to 200 characters can be a key.
 *
 * - `append`: writes a text at `position`, counted from 0, if there are just as many; `false` if there are not.
 * - `read`: the texts from a position on, in order.
 * - `list`: keys with at least one text, in ascending order.
 */
export interface Log<E> {
  readonly append: (key: string, position: number, text: string) => Effect.Effect<boolean, E>
  readonly read: (key: string, from: number) => Effect.Effect<ReadonlyArray<string>, E>
  readonly list: (page: Page) => Effect.Effect<ReadonlyArray<string>, E>
}

/**
 * A store over a log of texts: records are JSON. Fails with {@link ConversationStoreError} where the log fails, throws or
 * takes longer than ten seconds, and for texts that are no records.
 *
 * @example
 * const Store = Layer.succeed(ConversationStore.ConversationStore, ConversationStore.fromLog(myLog))
 */
export const fromLog = <E>(log: Log<E>): ConversationStore["Service"] => {
  type Operation = ConversationStoreError["operation"]
  const asked = <A>(operation: Operation, conversation: string | undefined, ask: () => Effect.Effect<A, E>) =>
    Effect.mapError(
      inTime(ask),
      (cause) =>
        new ConversationStoreError({
          operation,
          conversation,
          message: `The store of conversations failed to ${operation}${reasonOf(cause)}`,
          cause
        })
    )
  const damaged = (conversation: string, revision: number, cause: unknown) =>
    new ConversationStoreError({
      operation: "read",
      conversation,
      message:
        `Revision ${revision} of the conversation is no record of version 1: it is damaged, or of a later release`,
      cause
    })
  return {
    append: Effect.fnUntraced(function*(id, record, expected) {
      const key = yield* keyOf(id, "append")
      yield* revision(expected, "append")
      const text = yield* Effect.mapError(encode(record), (cause) =>
        new ConversationStoreError({
          operation: "append",
          conversation: id,
          message: "The record has a value without a JSON form",
          cause
        }))
      if (yield* asked("append", id, () => log.append(key, expected, text))) return expected + 1
      return yield* new ConversationConflictError({
        conversation: id,
        expected,
        message: `The conversation has not revision ${expected} any more: another turn came first. Read it again.`
      })
    }),
    read: Effect.fnUntraced(function*(id, after = 0) {
      const key = yield* keyOf(id, "read")
      yield* revision(after, "read")
      const texts = yield* asked("read", id, () => log.read(key, after))
      return yield* Effect.forEach(
        Check.itemsOf(texts) ?? [],
        (text, index) => Effect.mapError(decode(text), (cause) => damaged(id, after + 1 + index, cause))
      )
    }),
    list: (options) =>
      Effect.flatMap(Effect.mapError(Check.run(listOptionsOf, options ?? {}, names), refused("list")), (
        { after = "", limit = 100, prefix = "" }
      ) => asked("list", undefined, () => log.list({ after, limit, prefix })))
  }
}

/** Conversations in the memory of this process, gone with the layer. */
export const layerMemory: Layer.Layer<ConversationStore> = Layer.sync(ConversationStore, () => {
  const logs = new Map<string, Array<string>>()
  return fromLog({
    append: (key, position, text) =>
      Effect.sync(() => {
        const log = logs.get(key) ?? []
        if (log.length !== position) return false
        logs.set(key, [...log, text])
        return true
      }),
    read: (key, from) => Effect.sync(() => logs.get(key)?.slice(from) ?? []),
    list: ({ after, limit, prefix }) =>
      Effect.sync(() => [...logs.keys()].filter((key) => key > after && key.startsWith(prefix)).sort().slice(0, limit))
  })
})

/**
 * The ids of conversations, in ascending order; the next page begins `after` the last one. Fails with
 * `ConversationStoreError` when the store does.
 */
export const list = (
  options?: ListOptions
): Effect.Effect<ReadonlyArray<string>, ConversationStoreError, ConversationStore> =>
  Effect.flatMap(ConversationStore, (store) => store.list(options))

const codec = Lazy.make(() => {
  const text = Schema.fromJsonString(Schema.toCodecJson(ConversationRecord.Record))
  return { encode: Schema.encodeUnknownEffect(text), decode: Schema.decodeUnknownEffect(text) }
})

/** A record that is none, of a program in JavaScript, may throw while it is read. */
const encode = (record: unknown) => Effect.catchDefect(Effect.suspend(() => codec().encode(record)), Effect.fail)

const decode = (text: unknown): Effect.Effect<ConversationRecord.Record, unknown> =>
  typeof text === "string" ? codec().decode(text) : Effect.fail("it is not a text")

const names = { provider: "strata", whole: "options" }

const id: Check.Check<string> = (given, at) => {
  const text = Check.filled(given, at)
  return text === Check.refused || text.length <= 200 && text.isWellFormed() && !/\p{Cc}/u.test(text)
    ? text
    : Check.refuse(at, "it is no id of a conversation", "Use 1 to 200 characters, none of them a control character")
}

/** @internal */
export const idOf = id

const listOptionsOf = Check.partial<ListOptions>({
  prefix: Check.text,
  after: Check.text,
  limit: Check.number({ min: 1, max: 10_000, whole: true, remedy: "Use a whole number from 1 to 10,000" })
})

const refused = (operation: ConversationStoreError["operation"]) => ({ message }: { readonly message: string }) =>
  new ConversationStoreError({ operation, message })

const keyOf = (given: string, operation: ConversationStoreError["operation"]) =>
  Effect.mapError(Check.run(id, given, { provider: "strata", field: "id" }), refused(operation))

const revision = (given: number, operation: ConversationStoreError["operation"]) =>
  Effect.mapError(Check.run(count, given, { provider: "strata", field: "revision" }), refused(operation))

const count = Check.number({ min: 0, whole: true, what: "a revision", remedy: "Use a whole number from 0" })

const reasonOf: (cause: unknown) => string = Total.make(
  (cause) => Predicate.hasProperty(cause, "message") && typeof cause.message === "string" ? `: ${cause.message}` : "",
  () => ""
)

class NoEffect extends Schema.TaggedError<NoEffect>()("NoEffect", {}) {
  override readonly message = "it does not return an effect"
}

class TooSlow extends Schema.TaggedError<TooSlow>()("TooSlow", {}) {
  override readonly message = "it takes longer than 10 seconds"
}

/**
 * An operation in time, in a fiber of its own: it may not be interruptible, and what it throws is its failure. An append
 * that is interrupted may have been made.
 */
const inTime = <A, E>(ask: () => Effect.Effect<A, E>): Effect.Effect<A, unknown> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.flatMap(
      Effect.forkDetach(
        Effect.suspend((): Effect.Effect<A, E | NoEffect> => {
          const asked = ask()
          return Check.holds(Effect.isEffect, asked) ? asked : Effect.fail(new NoEffect())
        }),
        { startImmediately: true }
      ),
      (fiber) =>
        restore(Effect.timeoutOrElse(Fiber.await(fiber), {
          duration: "10 seconds",
          orElse: () => Effect.succeed<Exit.Exit<A, E | NoEffect | TooSlow>>(Exit.fail(new TooSlow()))
        })).pipe(
          Effect.ensuring(Effect.sync(() => fiber.interruptUnsafe())),
          Effect.flatMap((exit): Effect.Effect<A, unknown> =>
            Exit.isSuccess(exit) ? Effect.succeed(exit.value) : Effect.fail(Cause.squash(exit.cause))
          )
        )
    )
  )

/**
 * A log of texts over a store that only gets and sets: a key for each text, and one for each log, to list them. Appends of one
 * process come one after the other.
 */
import type * as ConversationStore from "@strata/core/conversation/ConversationStore"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Semaphore from "effect/Semaphore"

/** The store. */
export interface Slots<E> {
  readonly get: (key: string) => Effect.Effect<string | undefined, E>
  readonly set: (key: string, text: string) => Effect.Effect<void, E>
}

/** Concurrent reads. */
const concurrency = 16

/** Builds the log. */
export const make = <E>({ get, set }: Slots<E>): ConversationStore.Log<E> => {
  const line = Semaphore.makeUnsafe(1)
  const slot = (key: string, position: number) => `${encodeURIComponent(key)}/${position}`
  const nameSlot = (position: number) => `names/${position}`

  /** The texts in slots that follow each other, up to the first that is empty. */
  const filled = Effect.fnUntraced(function*(slot: (position: number) => string, from: number) {
    const texts: Array<string> = []
    while (true) {
      const next = Array.from({ length: concurrency }, (_, index) => slot(from + texts.length + index))
      const found = yield* Effect.forEach(next, get, { concurrency })
      const end = found.indexOf(undefined)
      for (const text of end === -1 ? found : found.slice(0, end)) if (text !== undefined) texts.push(text)
      if (end !== -1) return texts
    }
  })

  /** What a process wrote that was killed meanwhile may be cut off. It can only be the last. */
  const whole = (texts: ReadonlyArray<string>) =>
    texts.length > 0 && !isWhole(texts.at(-1)) ? texts.slice(0, -1) : texts

  /** Names a log before it is there, so that none is missing in the list. */
  const name = Effect.fnUntraced(function*(key: string) {
    const names = whole(yield* filled(nameSlot, 0))
    if (!names.includes(JSON.stringify(key))) yield* set(nameSlot(names.length), JSON.stringify(key))
  })

  return {
    append: (key, position, text) =>
      Effect.uninterruptible(Effect.gen(function*() {
        if (isWhole(yield* get(slot(key, position)))) return false
        if (position > 0 && !isWhole(yield* get(slot(key, position - 1)))) return false
        if (position === 0) yield* name(key)
        yield* set(slot(key, position), text)
        return true
      })).pipe(line.withPermits(1)),
    read: (key, from) => Effect.map(filled((position) => slot(key, position), from), whole),
    list: ({ after, limit, prefix }) =>
      Effect.gen(function*() {
        const names = whole(yield* filled(nameSlot, 0)).map((name): unknown => JSON.parse(name))
        const wanted = names.filter((name): name is string =>
          typeof name === "string" && name > after && name.startsWith(prefix)
        )
        const found: Array<string> = []
        for (const key of wanted.sort()) {
          if (found.length === limit) break
          if (isWhole(yield* get(slot(key, 0)))) found.push(key)
        }
        return found
      })
  }
}

/** Whether a text is there, and not cut off: all are JSON. */
const isWhole = (text: string | undefined): boolean =>
  text !== undefined && Result.isSuccess(Result.try((): unknown => JSON.parse(text)))

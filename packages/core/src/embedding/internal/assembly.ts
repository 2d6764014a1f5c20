/**
 * Gives every input of a plan its one embedding, also where the plan sends it in pieces.
 */
import type * as Effect from "effect/Effect"
import type * as Embedding from "../Embedding.ts"
import * as Chunks from "./chunks.ts"
import type * as Plan from "./plan.ts"
import type * as Validation from "./validation.ts"

/**
 * Who waits for the inputs of a plan, by their numbers.
 *
 * - `onEmbedding`: called for every input that has its vector, as soon as it has.
 * - `onFailure`: called for the inputs that will have none, if any are left; failing here stops everything.
 */
export interface Waiting<E> {
  readonly onEmbedding: (slot: number, embedding: Embedding.Embedding) => void
  readonly onFailure: (slots: ReadonlyArray<number>, failure: Validation.Failure) => Effect.Effect<void, E>
}

/** The same for what is sent, by its places; an `isAverage` of smaller pieces has no unit length yet. */
export interface Assembly<E> {
  readonly onEmbedding: (place: number, embedding: Embedding.Embedding, isAverage: boolean) => void
  readonly onFailure: (places: Plan.Batch, failure: Validation.Failure) => Effect.Effect<void, E>
}

/** Holds the vectors of pieces until an input has all of its own; the first piece that fails spoils the input. */
export const make = <E>(
  { contents, pieces }: Plan.Plan,
  options: Embedding.ResolvedOptions,
  waiting: Waiting<E>
): Assembly<E> => {
  if (pieces === undefined) {
    return {
      ...waiting,
      onEmbedding: (slot, embedding, isAverage) =>
        waiting.onEmbedding(slot, isAverage ? Chunks.finish(embedding, options) : embedding)
    }
  }
  const owners = contents.map((): Array<number> => [])
  const missing = pieces.map((places, slot) => {
    const different = new Set(places)
    different.forEach((place) => owners[place]!.push(slot))
    return different.size
  })
  const arrived: Array<Chunks.Piece> = []
  const spoiled = new Set<number>()
  return {
    onEmbedding: (place, embedding, isAverage) => {
      arrived[place] = { embedding, length: lengthOf(contents[place]) }
      for (const slot of owners[place]!) {
        missing[slot] = missing[slot]! - 1
        if (missing[slot] > 0) continue
        const [first, ...rest] = pieces[slot]!.map((own) => arrived[own]!)
        if (rest.length > 0) waiting.onEmbedding(slot, Chunks.finish(Chunks.average([first!, ...rest]), options))
        else waiting.onEmbedding(slot, isAverage ? Chunks.finish(embedding, options) : embedding)
      }
    },
    onFailure: (places, failure) => {
      const slots = new Set(places.flatMap((place) => owners[place]!).filter((slot) => !spoiled.has(slot)))
      slots.forEach((slot) => spoiled.add(slot))
      return waiting.onFailure([...slots], failure)
    }
  }
}

const lengthOf = (content: Plan.Plan["contents"][number] | undefined): number =>
  typeof content === "string" ? content.length : 0

/**
 * The rerank families. A new one is a file beside this, and an entry in {@link all}.
 */
import * as ModelId from "../catalog/ModelId.ts"
import * as Amazon from "./Amazon.ts"
import * as Cohere from "./Cohere.ts"
import type { Family } from "./Family.ts"

/** All families. */
export const all = [Cohere.family, Amazon.family] as const

/** The name of a family. */
export type Name = typeof all[number]["name"]

/** All names. */
export const names: ReadonlyArray<Name> = all.map(({ name }) => name)

/** The family of a model id; where the id does not name one, such as an ARN, the one with the name of the `hint`. */
export const find = (model: string, hint?: Name): Family | undefined => {
  const id = ModelId.parse(model)
  return all.find((family) => family.matches(id)) ?? all.find(({ name }) => name === hint)
}

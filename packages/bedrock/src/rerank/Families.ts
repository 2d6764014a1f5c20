/**
 * The rerank families there are. A new one is a file beside this, and an entry in {@link all}.
 */
import * as ModelId from "../ModelId.ts"
import * as Amazon from "./Amazon.ts"
import * as Cohere from "./Cohere.ts"
import type { Family } from "./Family.ts"

/** All of them. */
export const all = [Cohere.family, Amazon.family] as const

/** How a program names a family. */
export type Name = typeof all[number]["name"]

/** All the names. */
export const names: ReadonlyArray<Name> = all.map(({ name }) => name)

/** The family a model id tells; where it tells none, as an ARN may not, the one with the name of the `hint`. */
export const find = (model: string, hint?: Name): Family | undefined => {
  const id = ModelId.parse(model)
  return all.find((family) => family.matches(id)) ?? all.find(({ name }) => name === hint)
}

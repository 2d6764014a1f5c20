/**
 * The embedding families. A new one is a file beside this, and an entry in {@link all}.
 */
import * as ModelId from "../catalog/ModelId.ts"
import * as Cohere from "./Cohere.ts"
import type { Family } from "./Family.ts"
import * as Marengo from "./Marengo.ts"
import * as Nova from "./Nova.ts"
import * as TitanImage from "./TitanImage.ts"
import * as TitanText from "./TitanText.ts"

/** All families. */
export const all = [
  TitanText.v1,
  TitanText.v2,
  TitanImage.v1,
  Nova.v2,
  Cohere.v3,
  Cohere.v4,
  Marengo.v2_7,
  Marengo.v3_0
] as const

/** The name of a family. */
export type Name = typeof all[number]["name"]

/** All names. */
export const names: ReadonlyArray<Name> = all.map(({ name }) => name)

/** The family of a model id; where the id does not name one, such as an ARN, the one with the name of the `hint`. */
export const find = (model: string, hint?: Name): Family | undefined => {
  if (last?.model === model && last.hint === hint) return last.family
  const id = ModelId.parse(model)
  const family = all.find((family) => family.matches(id)) ?? all.find(({ name }) => name === hint)
  last = { model, hint, family }
  return family
}

/** Cache of one entry: the requests of a call are for one model. */
let last: { readonly model: string; readonly hint: Name | undefined; readonly family: Family | undefined } | undefined

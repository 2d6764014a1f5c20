/**
 * The embedding families there are. A new one is a file beside this, and an entry in {@link all}.
 */
import * as ModelId from "../ModelId.ts"
import * as Cohere from "./Cohere.ts"
import type { Family } from "./Family.ts"
import * as Marengo from "./Marengo.ts"
import * as Nova from "./Nova.ts"
import * as TitanImage from "./TitanImage.ts"
import * as TitanText from "./TitanText.ts"

/** All of them. */
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

/** How a program names a family. */
export type Name = typeof all[number]["name"]

/** All the names. */
export const names: ReadonlyArray<Name> = all.map(({ name }) => name)

/** The family a model id tells; where it tells none, as an ARN may not, the one with the name of the `hint`. */
export const find = (model: string, hint?: Name): Family | undefined => {
  if (last?.model === model && last.hint === hint) return last.family
  const id = ModelId.parse(model)
  const family = all.find((family) => family.matches(id)) ?? all.find(({ name }) => name === hint)
  last = { model, hint, family }
  return family
}

/** The requests of a call are for one model, one after the other. */
let last: { readonly model: string; readonly hint: Name | undefined; readonly family: Family | undefined } | undefined

import * as Effect from "effect/Effect"
import * as CommandError from "../process/CommandError.ts"
import type * as Collection from "./Collection.ts"
export const make = (_: { readonly file: string }): Effect.Effect<Collection.Collection, CommandError.CommandError> =>
  Effect.fail(CommandError.failed("not yet"))

/** The collection that flags name. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as SqlClient from "effect/sql/SqlClient"
import * as JsonlCollection from "./JsonlCollection.ts"
import * as SqlCollection from "./sql/SqlCollection.ts"
import * as Target from "./Target.ts"

/** Opens it until the scope closes. */
export const open = Effect.fnUntraced(function*(
  { collection: name, index }: { readonly index: string; readonly collection: string }
) {
  if (/\.(jsonl|ndjson)$/i.test(index)) return yield* JsonlCollection.make({ file: index })
  const context = yield* Layer.build(Target.sql(index))
  const sql = yield* Effect.provide(SqlClient.SqlClient, context)
  return yield* SqlCollection.make({ sql, name, place: Target.placeOf(index) })
})

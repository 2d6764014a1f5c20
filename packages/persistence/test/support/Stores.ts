/** The stores that processes may share, as a process names and opens them. */
import * as NodeRedis from "@effect/platform-node/NodeRedis"
import { SharedState } from "@strata/persistence"
import * as Schema from "effect/Schema"
import * as Databases from "./Databases.ts"
import type * as Sharing from "./Sharing.ts"

/** `place`: the URL, or the path of the file. */
export const Store = Schema.Struct({
  kind: Schema.Literals(["redis", "sqlite", "postgres"]),
  place: Schema.String
})
export type Store = typeof Store.Type

/** Everything in a store, over a connection of one's own. */
export const shared = ({ kind, place }: Store): Sharing.Shared =>
  kind === "redis"
    ? SharedState.layerRedis(NodeRedis.layer({ url: place }))
    : SharedState.layerSql(Databases.connectionTo(kind, place))

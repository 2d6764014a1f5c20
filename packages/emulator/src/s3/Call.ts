/**
 * A request of S3 as its operations see it.
 */
import type * as Exchange from "../http/Exchange.ts"
import type * as ObjectStore from "./ObjectStore.ts"
import type * as S3Operation from "./S3Operation.ts"

/**
 * A request.
 *
 * - `region`: the region it is for. `body`: as it was sent.
 * - `random`: a whole number from 0 to `below` - 1.
 */
export interface Call {
  readonly route: S3Operation.Route
  readonly store: ObjectStore.ObjectStore
  readonly region: string
  readonly headers: Exchange.Headers
  readonly body: Uint8Array
  readonly random: (below: number) => number
}

/**
 * A request of the dialect with all that answers it, and the state that outlives it.
 */
import type * as Model from "../model/Model.ts"
import type * as Quota from "../quota/Quota.ts"
import type * as Models from "./Models.ts"
import type * as Quirks from "./Quirks.ts"
import * as Store from "./responses/Store.ts"
import * as Prompt from "./usage/Prompt.ts"

/** State of an emulator in one region that outlives a request: cached prefixes, and kept responses. */
export interface Memory {
  readonly cache: Prompt.Cache
  readonly store: Store.Store
}

/** Empty state. */
export const makeMemory = (): Memory => ({ cache: Prompt.makeCache(), store: Store.make() })

/** What answers the dialect in one region: `known` models, with the `quirks` of a server. */
export interface State extends Memory {
  readonly known: Models.Known
  readonly quirks: Quirks.Quirks
}

/**
 * - `answering`: the model name passed to the services, if any. `lenient`: unknown members are ignored.
 * - `countInput`, `reserve`, `now`, `random`: see `Converse.Call`. `requestId`: a UUID.
 */
export interface Call extends Memory {
  readonly body: unknown
  readonly served: Models.Served
  readonly answering: string | undefined
  readonly lenient: boolean
  readonly quirks: Quirks.Quirks
  readonly countInput: boolean
  readonly reserve: Quota.Reserve
  readonly requestId: string
  readonly now: number
  readonly random: (below: number) => number
}

/** A request to a chat model. */
export interface ChatCall extends Call {
  readonly model: Model.ChatModel
}

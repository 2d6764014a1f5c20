/**
 * The items of an answer that are on their way: what has arrived of each, and which one an event is about.
 *
 * Servers number items and pieces in their own ways: some count pieces over all items, some give an item another id in each
 * event, some give all calls the same place.
 */
import type * as Shape from "../schema/Shape.ts"
import * as Json from "./Json.ts"
import * as Output from "./Output.ts"

/** A piece of a message: `index` is that of its block, `at` the server's number of it. */
export interface Piece {
  readonly index: number
  readonly at: number
  text: string
  readonly annotations: Array<unknown>
  readonly eraser: Shape.Eraser
  isRefusal: boolean
}

/**
 * One item.
 *
 * - `nth`: its place among the items; `ids`: the server's; `place`: its `output_index`.
 * - `seen`: the item as the server last sent it whole; `args`: the arguments of a call so far.
 * - `index`: its block, or the first one of a message, once it has one. `shown`: the text of reasoning so far.
 * - `isArrived`: whether all arguments of a call are there. `isDone`: whether its parts are complete.
 */
export interface OpenItem {
  readonly nth: number
  readonly kind: string
  readonly ids: Set<string>
  readonly place: number | undefined
  readonly pieces: Array<Piece>
  seen: unknown
  args: string
  index: number | undefined
  call: { readonly id: string; readonly name: string; readonly eraser: Shape.Eraser } | undefined
  shown: { readonly from: "summary" | "content"; at: number; text: string } | undefined
  isArrived: boolean
  isDone: boolean
}

/** The items of one answer. */
export interface Items {
  readonly all: ReadonlyArray<OpenItem>
  /** The item that an event is about, of this kind; a new one where none is. */
  readonly of: (event: unknown, kind: string) => OpenItem
  /** The item that has begun, or is complete. */
  readonly whole: (item: unknown, place: number | undefined, isBegun: boolean) => OpenItem
  /** The item at a place of the list at the end. */
  readonly last: (item: unknown, nth: number) => OpenItem
}

export const make = (): Items => {
  const all: Array<OpenItem> = []
  const byId = new Map<string, OpenItem>()
  const byPlace = new Map<number, OpenItem>()

  const open = (kind: string, place: number | undefined, ids: ReadonlyArray<string>): OpenItem => {
    const item: OpenItem = {
      nth: all.length,
      kind,
      ids: new Set(ids),
      place,
      pieces: [],
      seen: undefined,
      args: "",
      index: undefined,
      call: undefined,
      shown: undefined,
      isArrived: false,
      isDone: false
    }
    all.push(item)
    for (const id of ids) byId.set(id, item)
    if (place !== undefined) byPlace.set(place, item)
    return item
  }

  const ofKind = (item: OpenItem | undefined, kind: string) => item?.kind === kind ? item : undefined

  const known = (ids: ReadonlyArray<string>, kind: string): OpenItem | undefined => {
    for (const id of ids) {
      const item = ofKind(byId.get(id), kind)
      if (item !== undefined) return item
    }
  }

  return {
    all,
    of: (event, kind) => {
      const id = Json.id(event, "item_id")
      const place = Json.number(event, "output_index")
      const ids = id === undefined ? [] : [id]
      return known(ids, kind) ??
        (place === undefined
          ? all.findLast((item) => item.kind === kind && !item.isDone)
          : ofKind(byPlace.get(place), kind)) ??
        open(kind, place, ids)
    },
    whole: (item, place, isBegun) => {
      const kind = Json.text(item, "type") ?? ""
      const ids = idsOf(item)
      const there = known(ids, kind)
      if (there !== undefined) return there
      const here = place === undefined ? undefined : ofKind(byPlace.get(place), kind)
      // Another one has begun at the same place: a server that numbers nothing.
      return here === undefined || here.isDone || isBegun && here.ids.size > 0 && ids.length > 0
        ? open(kind, place, ids)
        : here
    },
    last: (item, nth) => {
      const kind = Json.text(item, "type") ?? ""
      const ids = idsOf(item)
      return known(ids, kind) ?? ofKind(byPlace.get(nth), kind) ?? ofKind(all[nth], kind) ?? open(kind, nth, ids)
    }
  }
}

const idsOf = (item: unknown): ReadonlyArray<string> =>
  ["id", "item_id", "call_id"].flatMap((key) => Json.id(item, key) ?? [])

/** The content of a message: of the whole item, else of the pieces that arrived. */
export const contentOf = (item: OpenItem): ReadonlyArray<unknown> => {
  const content = Json.list(item.seen, "content")
  return content.length > 0 ? content : item.pieces.map(({ annotations, isRefusal, text }) => ({
    ...(isRefusal ? { type: "refusal", refusal: text } : { type: "output_text", text }),
    annotations
  }))
}

/** The call as far as it arrived, its arguments those of the whole item where it has them. */
export const callOf = ({ args, seen }: OpenItem): Json.JsonObject => {
  const whole = Json.member(seen, "arguments")
  return { ...Json.object(seen), arguments: whole === undefined || whole === null || whole === "" ? args : whole }
}

/** Whether a call can be handed out: all of its arguments are there. */
export const isWholeCall = (item: OpenItem): boolean => {
  const call = callOf(item)
  return !Output.isCut(call) && (item.isArrived || Output.isWhole(call) && Json.member(call, "arguments") !== "")
}

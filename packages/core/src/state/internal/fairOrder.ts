/**
 * The order of a queue that is fair between shares, such as tenants: start-time fair queuing.
 *
 * The start tag of a share is what it was served, in tokens, on a scale that all shares have in common. The lowest is next;
 * equal ones by arrival, and so are the calls of one share. Virtual time is the start tag of the last that was served: who
 * comes anew begins there, or where it was when it left, if that is later. So no share saves up what it did not ask for, and
 * while two shares wait, what they are served differs by one request of each at most.
 *
 * A share is at one place, however many wait for it: what leaves without being served costs nothing.
 */
import * as Fifo from "../../internal/fifo.ts"
import * as Heap from "../../internal/heap.ts"

/** A place in the queue. */
export interface Entry<A> {
  readonly share: string
  readonly value: A
  readonly arrival: number
}

/**
 * - `add`: appends to a share; `delete` takes out what waits, false where it does not.
 * - `first`: what is next: the first of a share that is not being served.
 * - `serve`: takes it out. Its share is being served until `served`, and keeps its other entries back.
 * - `enter`: begins to serve a share without an entry; false where it is being served already.
 * - `served`: ends that, and advances the share by a cost; 0 where it got nothing.
 * - `charge`: advances a share that neither waits nor is served.
 * - `tagOf`: the start tag of a share, or what it would be if it came now.
 * - `ahead`: shares and entries before an entry, up to `most`.
 */
export interface FairOrder<A> {
  readonly add: (share: string, value: A) => Entry<A>
  readonly delete: (entry: Entry<A>) => boolean
  readonly first: () => Entry<A> | undefined
  readonly serve: () => Entry<A> | undefined
  readonly enter: (share: string) => boolean
  readonly served: (share: string, cost: number) => void
  readonly charge: (share: string, cost: number) => void
  readonly tagOf: (share: string) => number
  readonly ahead: (entry: Entry<A>, most: number) => number
  /** Shares that are known at all. */
  readonly size: () => number
  readonly saved: () => Saved
}

/** What outlives the entries of an order: an equal one has the same entries added in the same order. */
export interface Saved {
  readonly virtualTime: number
  readonly tags: ReadonlyArray<readonly [share: string, tag: number]>
}

/** Shares that neither wait nor are served, and are ahead of the virtual time: so many are remembered. */
export const mostFinished = 1_000

/** A share that waits or is being served; `start` is its tag. */
interface Share<A> extends Heap.Entry {
  readonly name: string
  readonly waiting: Fifo.Fifo<Entry<A>>
  start: number
  isServed: boolean
}

export const make = <A>(saved: Saved = { virtualTime: 0, tags: [] }): FairOrder<A> => {
  const shares = new Map<string, Share<A>>()
  /** The tags of the others, where they are above the virtual time. */
  const finished = new Map(saved.tags)
  const order = Heap.make<Share<A>>((one, other) =>
    one.start < other.start ||
    (one.start === other.start && one.waiting.first()!.arrival < other.waiting.first()!.arrival)
  )
  let virtualTime = saved.virtualTime
  let arrivals = 0

  const tagOf = (name: string): number => shares.get(name)?.start ?? Math.max(virtualTime, finished.get(name) ?? 0)

  const open = (name: string): Share<A> => {
    const known = shares.get(name)
    if (known !== undefined) return known
    const start = tagOf(name)
    const share: Share<A> = { name, waiting: Fifo.make(), start, isServed: false, index: -1 }
    finished.delete(name)
    shares.set(name, share)
    return share
  }

  /** Puts a share where its first entry and its tag belong. One without entries is not in the order, and is forgotten. */
  const settle = (share: Share<A>) => {
    if (share.isServed) return
    if (share.waiting.size() > 0) return order.put(share)
    shares.delete(share.name)
    remember(share)
  }

  const remember = ({ name, start }: Share<A>) => {
    let looks = 2
    // Tags that the virtual time has passed say nothing: two are looked at for each that comes.
    for (const [other, tag] of finished) {
      if (looks-- === 0) break
      finished.delete(other)
      if (tag > virtualTime) finished.set(other, tag)
    }
    if (start > virtualTime) finished.set(name, start)
    for (const other of finished.keys()) {
      if (finished.size <= mostFinished) break
      finished.delete(other)
    }
  }

  const advance = (share: Share<A>, cost: number) => {
    share.isServed = false
    if (cost > 0) {
      virtualTime = Math.max(virtualTime, share.start)
      share.start += cost
    }
    settle(share)
  }

  const first = () => order.first()?.waiting.first()

  return {
    add: (name, value) => {
      const share = open(name)
      const entry = { share: name, value, arrival: arrivals++ }
      share.waiting.add(entry)
      settle(share)
      return entry
    },
    delete: (entry) => {
      const share = shares.get(entry.share)
      if (share === undefined) return false
      if (share.waiting.first() !== entry) return share.waiting.delete(entry)
      order.delete(share)
      share.waiting.delete(entry)
      settle(share)
      return true
    },
    first,
    serve: () => {
      const entry = first()
      if (entry === undefined) return undefined
      const share = order.first()!
      order.delete(share)
      share.isServed = true
      share.waiting.delete(entry)
      return entry
    },
    enter: (name) => {
      const share = open(name)
      if (share.isServed) return false
      share.isServed = true
      order.delete(share)
      return true
    },
    served: (name, cost) => {
      const share = shares.get(name)
      if (share !== undefined) advance(share, cost)
    },
    charge: (name, cost) => advance(open(name), cost),
    tagOf,
    ahead: (entry, most) => {
      const share = shares.get(entry.share)
      if (share === undefined) return 0
      return Math.min(most, order.ahead(share, most) + share.waiting.ahead(entry, most))
    },
    size: () => shares.size + finished.size,
    saved: () => ({
      virtualTime,
      tags: [...finished, ...Array.from(shares.values(), ({ name, start }) => [name, start] as const)]
    })
  }
}

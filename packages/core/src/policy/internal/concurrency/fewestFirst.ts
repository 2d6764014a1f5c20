/**
 * The order in which keys, such as tenants, get permits: max-min fair. The next permit goes to the waiting key that has the
 * fewest in use; of equal ones to that which got or gave back a permit longest ago, or came first; the calls of one key by
 * arrival.
 *
 * A key is forgotten when it neither waits nor has a permit. One that comes back is behind those with as many in use.
 */
import * as Fifo from "../../../internal/fifo.ts"
import * as Heap from "../../../internal/heap.ts"
import type * as WaitQueue from "../waitQueue.ts"

/**
 * - `use`: a key has taken a free permit, without a wait; `free`: it has released one.
 * - `size`: keys that are known.
 */
export interface FewestFirst extends WaitQueue.Order {
  readonly use: (key: string) => void
  readonly free: (key: string) => void
  readonly size: () => number
}

/** `since`: when it last got or gave back a permit, or came. */
interface Share extends Heap.Entry {
  readonly key: string
  readonly waiting: Fifo.Fifo<WaitQueue.Waiter>
  used: number
  since: number
}

export const make = (): FewestFirst => {
  const shares = new Map<string, Share>()
  const order = Heap.make<Share>((one, other) =>
    one.used < other.used || (one.used === other.used && one.since < other.since)
  )
  let times = 0

  const open = (key: string): Share => {
    const known = shares.get(key)
    if (known !== undefined) return known
    const share: Share = { key, waiting: Fifo.make(), used: 0, since: times++, index: -1 }
    shares.set(key, share)
    return share
  }

  const settle = (share: Share) => {
    if (share.waiting.size() > 0) return order.put(share)
    order.delete(share)
    if (share.used === 0) shares.delete(share.key)
  }

  const serve = (share: Share) => {
    share.used++
    share.since = times++
    settle(share)
  }

  return {
    add: (waiter, key) => {
      const share = open(key)
      share.waiting.add(waiter)
      settle(share)
      return () => {
        share.waiting.delete(waiter)
        settle(share)
      }
    },
    next: () => {
      const share = order.first()
      if (share === undefined) return undefined
      // Only shares that wait are in the order.
      const waiter = share.waiting.first()!
      share.waiting.delete(waiter)
      serve(share)
      return waiter
    },
    use: (key) => serve(open(key)),
    free: (key) => {
      const share = shares.get(key)
      if (share === undefined) return
      share.used--
      share.since = times++
      settle(share)
    },
    size: () => shares.size
  }
}

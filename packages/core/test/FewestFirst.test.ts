import { assert, describe, it } from "@effect/vitest"
import * as FewestFirst from "../src/policy/internal/concurrency/fewestFirst.ts"
import type * as WaitQueue from "../src/policy/internal/waitQueue.ts"

/** An order whose waiters have names that begin with their key. */
const named = () => {
  const order = FewestFirst.make()
  const names = new Map<WaitQueue.Waiter, string>()
  return {
    ...order,
    add: (name: string) => {
      const waiter: WaitQueue.Waiter = { call: undefined, isCalled: false }
      names.set(waiter, name)
      return order.add(waiter, name[0]!)
    },
    next: () => {
      const waiter = order.next()
      return waiter && names.get(waiter)
    },
    rest: () => {
      const rest: Array<string | undefined> = []
      for (let waiter = order.next(); waiter !== undefined; waiter = order.next()) rest.push(names.get(waiter))
      return rest
    }
  }
}

describe("The order of permits", () => {
  it("calls the key with the fewest in use, which then has one more", () => {
    const order = named()
    for (const key of ["a", "a", "a", "b"]) order.use(key)
    for (const name of ["a1", "a2", "b1", "b2", "b3", "b4"]) order.add(name)
    assert.deepStrictEqual(order.rest(), ["b1", "b2", "a1", "b3", "a2", "b4"])
    assert.isUndefined(order.next())
  })

  it("calls of two with as many the one that got or gave back a permit longer ago", () => {
    const order = named()
    order.use("a")
    order.use("b")
    for (const name of ["b1", "a1"]) order.add(name)
    assert.strictEqual(order.next(), "a1")
    order.use("c")
    order.use("c")
    order.free("c")
    for (const name of ["c1", "b2"]) order.add(name)
    assert.deepStrictEqual(order.rest(), ["b1", "c1", "b2"])
  })

  it("moves a key that waits when it gives back a permit", () => {
    const order = named()
    for (const key of ["a", "a", "b", "a"]) order.use(key)
    for (const name of ["a1", "b1"]) order.add(name)
    for (let times = 0; times < 3; times++) order.free("a")
    order.free("unknown")
    assert.deepStrictEqual(order.rest(), ["a1", "b1"])
  })

  it("calls nobody who has left", () => {
    const order = named()
    const leave = order.add("a1")
    order.add("a2")
    const last = order.add("b1")
    leave()
    last()
    assert.deepStrictEqual(order.rest(), ["a2"])
  })

  it("knows the keys that wait or have a permit, and no others", () => {
    const order = named()
    order.use("a")
    const leave = order.add("b1")
    order.add("a1")
    assert.strictEqual(order.size(), 2)
    leave()
    assert.strictEqual(order.size(), 1)
    assert.strictEqual(order.next(), "a1")
    order.free("a")
    assert.strictEqual(order.size(), 1)
    order.free("a")
    assert.strictEqual(order.size(), 0)
    order.free("unknown")
    assert.strictEqual(order.size(), 0)
  })
})

import { assert, describe, it } from "@effect/vitest"
import * as FewestFirst from "../src/policy/internal/concurrency/fewestFirst.ts"
import * as FairOrder from "../src/state/internal/fairOrder.ts"

describe("The order of a fair queue", () => {
  const serveAll = (order: FairOrder.FairOrder<number>, cost: number) => {
    const served: Array<string> = []
    for (let next = order.serve(); next !== undefined; next = order.serve()) {
      order.served(next.share, cost)
      served.push(next.share)
    }
    return served
  }

  it("forgets shares that do not wait: of 100,000 names it remembers a thousand", () => {
    const order = FairOrder.make<number>()
    for (let name = 0; name < 100_000; name++) order.charge(`idle ${name}`, 5)
    assert.isAtMost(order.size(), FairOrder.mostFinished)
    for (let name = 0; name < 100_000; name++) order.add(`tenant ${name}`, name)
    assert.isAtLeast(order.size(), 100_000)
    assert.strictEqual(serveAll(order, 5).length, 100_000)
    assert.isAtMost(order.size(), FairOrder.mostFinished)
  })

  it("keeps nothing of places that are given up, however many", () => {
    const order = FairOrder.make<number>()
    const places = Array.from({ length: 100_000 }, (_, index) => order.add(`tenant ${index % 50_000}`, index))
    for (const place of places) assert.isTrue(order.delete(place))
    for (const place of places) assert.isFalse(order.delete(place))
    assert.deepStrictEqual([order.first(), order.size()], [undefined, 0])
  })
})

describe("The order of permits", () => {
  const waiter = () => ({ call: undefined, isCalled: false })

  it("keeps nothing of 100,000 keys that neither wait nor have a permit", () => {
    const order = FewestFirst.make()
    for (let key = 0; key < 50_000; key++) {
      order.use(`tenant ${key}`)
      order.add(waiter(), `waiting ${key}`)
      order.add(waiter(), `gone ${key}`)()
    }
    assert.strictEqual(order.size(), 100_000)
    for (let key = 0; key < 50_000; key++) {
      order.free(`tenant ${key}`)
      assert.isDefined(order.next())
    }
    assert.isUndefined(order.next())
    for (let key = 0; key < 50_000; key++) order.free(`waiting ${key}`)
    assert.strictEqual(order.size(), 0)
  })
})

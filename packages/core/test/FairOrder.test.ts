import { assert, describe, it } from "@effect/vitest"
import * as FairOrder from "../src/state/internal/fairOrder.ts"

/** Serves all that waits, each for the same cost; answers the values in order. */
const serveAll = <A>(order: FairOrder.FairOrder<A>, cost: number) => {
  const served: Array<A> = []
  for (let next = order.serve(); next !== undefined; next = order.serve()) {
    order.served(next.share, cost)
    served.push(next.value)
  }
  return served
}

describe("The order of a fair queue", () => {
  it("serves the share that was served least, equal ones by arrival, and the entries of each by arrival", () => {
    const order = FairOrder.make<string>()
    order.charge("c", 1)
    for (const value of ["c1", "b1", "b2", "a1", "a2"]) order.add(value[0]!, value)
    assert.deepStrictEqual(serveAll(order, 10), ["b1", "a1", "c1", "b2", "a2"])
    assert.isUndefined(order.first())
  })

  it("serves one of a share at a time, and goes on where it was", () => {
    const order = FairOrder.make<number>()
    order.add("a", 1)
    order.add("a", 2)
    order.add("b", 3)
    assert.strictEqual(order.serve()?.value, 1)
    assert.isFalse(order.enter("a"))
    assert.strictEqual(order.serve()?.value, 3)
    assert.isUndefined(order.serve())
    order.served("b", 0)
    order.served("a", 10)
    order.add("b", 4)
    assert.deepStrictEqual([order.serve()?.value, order.serve()?.value], [4, 2])
  })

  it("keeps the entries of a share back while it is served without one", () => {
    const order = FairOrder.make<number>()
    order.add("a", 1)
    assert.isTrue(order.enter("a"))
    assert.isFalse(order.enter("a"))
    assert.isUndefined(order.first())
    order.add("a", 2)
    assert.isUndefined(order.first())
    order.add("b", 3)
    order.served("a", 10)
    assert.deepStrictEqual(serveAll(order, 1), [3, 1, 2])
  })

  it("lets nobody save up what it did not ask for", () => {
    const order = FairOrder.make<string>()
    order.charge("late", 1)
    for (let call = 0; call < 100; call++) order.charge("early", 10)
    for (const value of ["early 1", "early 2", "late 1", "late 2"]) order.add(value.split(" ")[0]!, value)
    assert.deepStrictEqual(serveAll(order, 10), ["late 1", "early 1", "late 2", "early 2"])
  })

  it("begins a share at the virtual time, or where it left if that is later", () => {
    const order = FairOrder.make<number>()
    const tags = () => ["a", "b", "new"].map(order.tagOf)
    order.charge("a", 10)
    assert.deepStrictEqual(tags(), [10, 0, 0])
    order.charge("a", 5)
    assert.deepStrictEqual(tags(), [15, 10, 10])
    order.charge("b", 1)
    assert.deepStrictEqual(tags(), [15, 11, 10])
    order.add("b", 1)
    assert.deepStrictEqual(tags(), [15, 11, 10])
    order.serve()
    order.served("b", 30)
    assert.deepStrictEqual(tags(), [15, 41, 11])
  })

  it("takes the virtual time from what was served, and never back", () => {
    const order = FairOrder.make<number>()
    order.add("behind", 1)
    order.charge("ahead", 10)
    order.charge("ahead", 10)
    assert.deepStrictEqual([order.tagOf("behind"), order.tagOf("new")], [0, 10])
    order.serve()
    order.served("behind", 1)
    assert.deepStrictEqual([order.tagOf("behind"), order.tagOf("new")], [10, 10])
  })

  it("charges a share nothing where it got nothing", () => {
    const order = FairOrder.make<number>()
    order.charge("a", 5)
    order.add("a", 1)
    order.add("a", 2)
    assert.strictEqual(order.serve()?.value, 1)
    order.served("a", 0)
    assert.deepStrictEqual([order.tagOf("a"), order.tagOf("new")], [5, 0])
    assert.strictEqual(order.serve()?.value, 2)
    order.served("a", 0)
    order.served("unknown", 7)
    assert.deepStrictEqual([order.tagOf("a"), order.tagOf("unknown")], [5, 0])
  })

  it("takes out what waits, wherever it is", () => {
    const order = FairOrder.make<number>()
    const [first, second, third] = [order.add("a", 1), order.add("a", 2), order.add("a", 3)]
    const other = order.add("b", 4)
    assert.isTrue(order.delete(second))
    assert.isFalse(order.delete(second))
    assert.isTrue(order.delete(first))
    assert.strictEqual(order.first(), third)
    assert.isTrue(order.delete(third))
    assert.isFalse(order.delete(third))
    assert.strictEqual(order.first(), other)
    order.serve()
    assert.isFalse(order.delete(other))
  })

  it("lets a share whose first entry leaves wait by the arrival of its next", () => {
    const order = FairOrder.make<number>()
    const first = order.add("a", 1)
    order.add("b", 2)
    order.add("a", 3)
    assert.isTrue(order.delete(first))
    assert.deepStrictEqual(serveAll(order, 1), [2, 3])
  })

  it("counts the shares and entries before an entry, up to a most", () => {
    const order = FairOrder.make<number>()
    const a = [order.add("a", 1), order.add("a", 2), order.add("a", 3)]
    const b = [order.add("b", 4), order.add("b", 5)]
    const places = (entries: typeof a, most: number) => entries.map((entry) => order.ahead(entry, most))
    assert.deepStrictEqual(places(a, 10), [0, 1, 2])
    assert.deepStrictEqual(places(b, 10), [1, 2])
    assert.deepStrictEqual(places(b, 1), [1, 1])
    assert.deepStrictEqual(places(b, 0), [0, 0])
    serveAll(order, 1)
    assert.deepStrictEqual(places(b, 10), [0, 0])
  })

  it("forgets the tags that the virtual time has passed, two for each share that comes to an end", () => {
    const order = FairOrder.make<number>()
    for (const name of ["a", "b", "c", "d"]) order.charge(name, 1)
    assert.strictEqual(order.size(), 4)
    order.charge("far", 10)
    order.charge("far", 10)
    assert.strictEqual(order.size(), 3)
    order.charge("far", 10)
    assert.strictEqual(order.size(), 1)
    assert.deepStrictEqual(order.saved(), { virtualTime: 20, tags: [["far", 30]] })
    order.charge("reached", 10)
    order.charge("far", 10)
    assert.deepStrictEqual(order.saved(), { virtualTime: 30, tags: [["far", 40]] })
  })

  it("remembers the tags that are ahead of the virtual time, the latest thousand", () => {
    const order = FairOrder.make<number>()
    const count = FairOrder.mostFinished + 1
    for (let name = 0; name < count; name++) order.charge(`${name}`, 5)
    assert.strictEqual(order.size(), FairOrder.mostFinished)
    const kept = Array.from({ length: count }, (_, name) => order.tagOf(`${name}`)).filter((tag) => tag === 5)
    assert.strictEqual(kept.length, FairOrder.mostFinished)
    assert.strictEqual(order.tagOf(`${count - 1}`), 5)
  })

  it("keeps nothing of places that are given up", () => {
    const order = FairOrder.make<number>()
    const places = Array.from({ length: 100 }, (_, index) => order.add(`tenant ${index % 50}`, index))
    assert.strictEqual(order.size(), 50)
    for (const place of places) assert.isTrue(order.delete(place))
    assert.deepStrictEqual([order.first(), order.size()], [undefined, 0])
  })

  it("is made again of what it saved, with the same entries added", () => {
    const one = FairOrder.make<string>()
    one.charge("gone", 7)
    one.charge("waits", 3)
    one.charge("waits", 4)
    one.add("waits", "old")
    const saved = one.saved()
    assert.deepStrictEqual(saved, { virtualTime: 3, tags: [["gone", 7], ["waits", 7]] })
    const other = FairOrder.make<string>(saved)
    other.add("waits", "old")
    for (const order of [one, other]) {
      order.add("new", "new")
      order.add("gone", "gone")
      assert.deepStrictEqual(serveAll(order, 1), ["new", "old", "gone"])
    }
  })
})

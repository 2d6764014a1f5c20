import { assert, describe, it } from "@effect/vitest"
import * as Ranking from "../src/Ranking.ts"

const north = [1, 0]
const east = [0, 1]

describe("Ranking", () => {
  it("scores the same direction 1, a right angle 0, and no vector 0", () => {
    assert.strictEqual(Ranking.cosine([2, 0], [3, 0]), 1)
    assert.strictEqual(Ranking.cosine(north, east), 0)
    assert.strictEqual(Ranking.cosine([0, 0], north), 0)
    assert.strictEqual(Ranking.cosine(north, []), 0)
  })

  it("prefers the closer meaning when no word is shared", () => {
    const [near = 0, far = 0] = Ranking.scores({ text: "money back?", vector: north }, [
      { text: "Refunds take days", vector: [0.9, 0.1] },
      { text: "Cats sleep", vector: [0.2, 0.8] }
    ])
    assert.isAbove(near, far)
  })

  it("prefers the sentence with the rare word of the question when meanings are equal", () => {
    const [common = 0, rare = 0] = Ranking.scores({ text: "stream deadlines", vector: north }, [
      { text: "A stream ends", vector: north },
      { text: "The deadline of a request", vector: north },
      { text: "A stream fails", vector: north }
    ])
    assert.isAbove(rare, common)
  })

  it("counts the words of a heading, and the parts of a camelCase name", () => {
    const [plain = 0, heading = 0, camel = 0] = Ranking.scores({ text: "retry policy", vector: north }, [
      { text: "Ten seconds", vector: north },
      { text: "Ten seconds", heading: "The retry policy", vector: north },
      { text: "Set retryPolicy", vector: north }
    ])
    assert.isAbove(heading, plain)
    assert.strictEqual(camel, heading)
  })
})

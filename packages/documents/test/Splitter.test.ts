import { assert, describe, it } from "@effect/vitest"
import { Chunk, type Document, Splitter } from "@strata/documents"
import * as Effect from "effect/Effect"
import { read } from "./support/Reading.ts"

/** A token is a code point: limits can be counted. */
const tokens = (text: string) => [...text].length

const split = (name: string, content: string, options?: Splitter.Options) =>
  Effect.flatMap(read(name, content), (document) => Splitter.split(document, options))

const textsOf = (chunks: ReadonlyArray<Chunk.Chunk>) => chunks.map(({ text }) => text)

const words = (count: number) => Array.from({ length: count }, (_, index) => `word${index}`).join(" ")

describe("Splitter", () => {
  describe("cuts", () => {
    it.effect("at headings: a chunk is of one section, with all headings above it (jobs 70)", () =>
      Effect.gen(function*() {
        const chunks = yield* split("a.md", "# A\n\n## B\n\none\n\ntwo\n\n## C\n\nthree\n\n# D")
        assert.deepStrictEqual(textsOf(chunks), ["# A\n\n## B\n\none\n\ntwo", "## C\n\nthree", "# D"])
        assert.deepStrictEqual(chunks.map(({ headings }) => headings), [["A", "B"], ["A", "C"], ["D"]])
        // The headings that are not in the text.
        assert.deepStrictEqual(chunks.map(({ context }) => context), ["", "A", ""])
      }))

    it.effect("at blocks, and never between a heading and what follows it", () =>
      Effect.gen(function*() {
        const chunks = yield* split("a.md", "# Heading\n\nfirst one\n\nsecond one\n\nthird one", {
          tokens,
          maxTokens: 31
        })
        assert.deepStrictEqual(textsOf(chunks), ["# Heading\n\nfirst one", "second one\n\nthird one"])
        const long = yield* split("a.md", `# Heading\n\n${words(9)}`, { tokens, maxTokens: 30 })
        assert.strictEqual(long[0]?.text, "# Heading\n\nword0 word1 word2")
      }))

    it.effect("at sentences of any script, also where lines end within them", () =>
      Effect.gen(function*() {
        const english = yield* split("a.txt", "One is\nhere. Two is\nhere. Three is here.", { tokens, maxTokens: 30 })
        assert.deepStrictEqual(textsOf(english), ["One is\nhere. Two is\nhere.", "Three is here."])
        const chinese = yield* split("a.txt", "今天天气很好。我们去公园玩吧！你来吗？", { tokens, maxTokens: 16 })
        assert.deepStrictEqual(textsOf(chinese), ["今天天气很好。我们去公园玩吧！", "你来吗？"])
        const hindi = yield* split("a.txt", "यह पहला है। यह दूसरा है। यह तीसरा है।", { tokens, maxTokens: 26 })
        assert.deepStrictEqual(textsOf(hindi), ["यह पहला है। यह दूसरा है।", "यह तीसरा है।"])
      }))

    it.effect("code and tables at lines", () =>
      Effect.gen(function*() {
        const code = yield* split("a.md", "```\nlet a. b\nlet c. d\nlet e. f\n```", { tokens, maxTokens: 25 })
        assert.deepStrictEqual(textsOf(code), ["```\nlet a. b\nlet c. d", "let e. f\n```"])
        assert.deepStrictEqual(code.map(Chunk.cite), ["a.md, lines 1-3", "a.md, lines 4-5"])
      }))

    it.effect("at words, also of scripts without spaces", () =>
      Effect.gen(function*() {
        assert.deepStrictEqual(textsOf(yield* split("a.txt", words(4), { tokens, maxTokens: 14 })), [
          "word0 word1",
          "word2 word3"
        ])
        // "hello" and "friend" are words.
        assert.deepStrictEqual(textsOf(yield* split("a.txt", "สวัสดีเพื่อน", { tokens, maxTokens: 8 })), ["สวัสดี", "เพื่อน"])
      }))

    it.effect("at characters as people see them, where there is nothing else", () =>
      Effect.gen(function*() {
        const family = "👩‍👩‍👧"
        const chunks = yield* split("a.txt", family.repeat(3), { tokens, maxTokens: 7 })
        assert.deepStrictEqual(textsOf(chunks), [family, family, family])
        const flags = yield* split("a.txt", "🇩🇪🇫🇷🇮🇹", { tokens, maxTokens: 3 })
        assert.deepStrictEqual(textsOf(flags), ["🇩🇪", "🇫🇷", "🇮🇹"])
      }))

    it.effect("without the headings where not one character has room beside them", () =>
      Effect.gen(function*() {
        const chunks = yield* split("a.md", "## `\n🇩🇪", { maxTokens: 4 })
        assert.deepStrictEqual(chunks.map(({ context, text }) => [context, text]), [["", "## `"], ["", "🇩"], ["", "🇪"]])
      }))

    it.effect("at code points at least: emoji at sizes from 1 to 5 (jobs 65)", () =>
      Effect.gen(function*() {
        const text = "👩‍👩‍👧👍🏽🇩🇪🙂".repeat(20)
        const counts = [tokens, (text: string) =>
          text.length / 2, (text: string) =>
          new TextEncoder().encode(text).length / 4]
        for (const maxTokens of [1, 2, 3, 4, 5]) {
          for (const count of counts) {
            const seen: Array<string> = []
            const chunks = yield* split("a.txt", text, {
              maxTokens,
              tokens: (text) => {
                seen.push(text)
                return count(text)
              }
            })
            assert.strictEqual(textsOf(chunks).join(""), text)
            for (const { text, tokens } of chunks) {
              assert.isTrue(text.isWellFormed())
              assert.isAtMost(tokens, maxTokens)
            }
            // A counter that refuses half of a pair gets none.
            assert.isTrue(seen.every((text) =>
              text.isWellFormed()
            ))
          }
        }
        for (const maxTokens of [4, 5]) {
          assert.strictEqual(textsOf(yield* split("a.txt", text, { maxTokens })).join(""), text)
        }
      }))
  })

  it.effect("keeps every chunk with its context within the limit (jobs 64)", () =>
    Effect.gen(function*() {
      const long = `${"Very long heading ".repeat(9)}`
      const text = `---\ntitle: ${long}\n---\n# ${long}\n\n## ${long}\n\n${words(100)}`
      for (const maxTokens of [10, 40, 100]) {
        const chunks = yield* split("a.md", text, { tokens, maxTokens })
        for (const chunk of chunks) {
          assert.isAtMost(tokens(Chunk.withContext(chunk)), maxTokens)
          assert.strictEqual(chunk.tokens, tokens(Chunk.withContext(chunk)))
        }
      }
    }))

  it.effect("puts the title and the headings before the text to embed", () =>
    Effect.gen(function*() {
      const chunks = yield* split(
        "a.md",
        "---\ntitle: Handbook\n---\n\n# Leave\n\n## Parents\n\nfourteen weeks\n\n## Sick\n\nsix"
      )
      assert.strictEqual(Chunk.withContext(chunks[1]!), "Handbook\n\n# Leave\n\n## Parents\n\nfourteen weeks")
      assert.strictEqual(Chunk.withContext(chunks[2]!), "Handbook > Leave\n\n## Sick\n\nsix")
    }))

  it.effect("repeats whole sentences of the chunk before within a section, if asked", () =>
    Effect.gen(function*() {
      const text = "# A\n\nOne is here. Two is here. Six is here. Ten is here.\n\n# B\n\nend"
      const chunks = yield* split("a.md", text, { tokens, maxTokens: 45, overlapTokens: 20 })
      assert.deepStrictEqual(textsOf(chunks), [
        "# A\n\nOne is here. Two is here. Six is here.",
        "Six is here. Ten is here.",
        "# B\n\nend"
      ])
      for (const { end, start, text: part } of chunks) assert.strictEqual(text.slice(start, end), part)
    }))

  it.effect("gives equal paragraphs of a document keys of their own, and again the same (jobs 60)", () =>
    Effect.gen(function*() {
      const text = "same\n\n# A\n\nsame\n\n# A\n\nsame\n\n# A\n\nsame"
      const chunks = yield* split("a.md", text)
      assert.lengthOf(chunks, 4)
      assert.strictEqual(new Set(chunks.map(({ key }) => key)).size, 4)
      assert.strictEqual(chunks[1]?.hash, chunks[2]?.hash)
      assert.deepStrictEqual(yield* split("a.md", text), chunks)
      const elsewhere = yield* split("b.md", text)
      assert.notInclude(elsewhere.map(({ key }) => key), chunks[0]!.key)
      assert.strictEqual(elsewhere[0]?.hash, chunks[0]?.hash)
    }))

  it.effect("hashes what is embedded: another heading is another hash", () =>
    Effect.gen(function*() {
      const options = { tokens, maxTokens: 40 }
      const [, one] = yield* split("a.md", `# A\n\n${words(9)}`, options)
      const [, other] = yield* split("a.md", `# B\n\n${words(9)}`, options)
      assert.strictEqual(one?.text, other?.text)
      assert.notStrictEqual(one?.hash, other?.hash)
      assert.match(one!.hash, /^[0-9a-f]{64}$/)
    }))

  it.effect("cites lines", () =>
    Effect.gen(function*() {
      const chunks = yield* split("handbook.md", "\n# A\n\nb\nc\n\n# D\n")
      assert.deepStrictEqual(chunks.map(Chunk.cite), ["handbook.md, lines 2-5", "handbook.md, line 7"])
      assert.deepStrictEqual((yield* split("a.html", "<p>\n\na\n\nb</p>")).map(Chunk.cite), ["a.html, lines 3-5"])
    }))

  it.effect("refuses options that cannot be right, by name", () =>
    Effect.gen(function*() {
      const wrong: ReadonlyArray<readonly [options: unknown, field: string]> = [
        [{ maxTokens: 0 }, "options.maxTokens"],
        [{ maxTokens: 1.5 }, "options.maxTokens"],
        [{ maxTokens: 10, overlapTokens: 6 }, "options.overlapTokens"],
        [{ overlapTokens: -1 }, "options.overlapTokens"],
        [{ tokens: 7 }, "options.tokens"],
        [{ tokens: () => NaN }, "options.tokens"],
        [{ tokens: () => "many" }, "options.tokens"],
        [{
          tokens: () => {
            throw new Error("no")
          }
        }, "options.tokens"],
        [{ maxTokens: 2, tokens: (text: string) => text.length * 3 }, "options.maxTokens"],
        [{ max_tokens: 7 }, "options.max_tokens"]
      ]
      for (const [options, field] of wrong) {
        const error = yield* Effect.flip(split("a.txt", "text", options as Splitter.Options))
        assert.deepInclude(error, { _tag: "InvalidOptionError", field })
      }
      const document = yield* read("a.txt", "text")
      const broken = [null, {}, { ...document, text: "" }, { ...document, text: "a\ud800bc" }, {
        ...document,
        blocks: [{}]
      }]
      for (const given of broken) {
        const error = yield* Effect.flip(Splitter.split(given as Document.Document))
        assert.strictEqual(error.field, "document")
      }
    }))

  it("has an estimate that is rather too high than too low", () => {
    // The counts of cl100k.
    assert.isAtLeast(Splitter.estimate("The quick brown fox jumps over the lazy dog."), 10)
    assert.isAtLeast(Splitter.estimate("今天天气很好，我们去公园玩吧。"), 20)
    assert.isAtMost(Splitter.estimate("The quick brown fox jumps over the lazy dog."), 15)
    assert.strictEqual(Splitter.estimate(""), 0)
  })
})

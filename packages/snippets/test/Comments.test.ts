import { assert, describe, it } from "@effect/vitest"
import * as Exports from "../src/Exports.ts"
import { mainEntries } from "../src/MainEntries.ts"

const all = Exports.packages.map((name) => [name, Exports.of(name)] as const)

const place = ({ file, line, name }: Exports.Export) => `${file}:${line} ${name}`

/** Errors whose own comment lists what they are. */
const unions = new Set([
  ..."CallError ChatError ChatStreamError ChatObjectError ChatObjectStreamError EmbeddingError RerankError SubmitError"
    .split(" "),
  ..."RunError LoopError ResumeError DocumentError StoreError".split(" "),
  // Of Effect.
  ..."ConfigError PlatformError SqlError".split(" ")
])

describe.each(all)("The doc comments of %s", (name, found) => {
  it("are there, for each export", () => {
    assert.isAbove(found.length, 5)
    assert.deepStrictEqual(found.filter(({ comment }) => comment === undefined).map(place), [])
  })

  it("begin with one plain sentence, which an editor shows first", () => {
    const isPlain = (sentence: string) =>
      /^[A-Z`{"[0-9]/.test(sentence) && /[.!]$/.test(sentence) && sentence.length <= 160
    const wrong = found.filter(({ comment = "" }) => !isPlain(Exports.sentenceOf(comment)))
    assert.deepStrictEqual(wrong.map((found) => `${place(found)}: ${Exports.sentenceOf(found.comment ?? "")}`), [])
  })

  it("name the errors of what fails, or refer to what fails in the same way", () => {
    const missing = found.flatMap((one) => {
      const { comment = "" } = one
      if (/Fails as|as \{@link|^\{@link/.test(comment)) return []
      const errors = Exports.errorsOf(one).filter((error) => !unions.has(error) && !comment.includes(error))
      return errors.length === 0 ? [] : [`${place(one)}: ${errors.join(", ")}`]
    })
    assert.deepStrictEqual(missing, [])
  })

  it("have an example where a reader looks for one", () => {
    const without = (mainEntries[name] ?? []).filter((entry) =>
      !found.some(({ comment = "", module, name }) => `${module}.${name}` === entry && comment.includes("@example"))
    )
    assert.deepStrictEqual(without, [])
  })
})

describe("Exports.of", () => {
  it("finds functions, layers, types and classes by the names of their modules", () => {
    const names = Exports.of("core").map(({ module, name }) => `${module}.${name}`)
    assert.includeMembers(names, [
      "ChatService.generate",
      "Policy.Policy",
      "ProviderError.RateLimitError",
      "TestChat.layer"
    ])
  })

  it("finds the errors of a declared type", () => {
    const errorsOf = (name: string) =>
      Exports.errorsOf(Exports.of("jobs").find((found) => `${found.module}.${found.name}` === name)!)
    assert.deepStrictEqual(errorsOf("JobStore.layerSqlite"), ["JobStoreError", "InvalidRequestError"])
    assert.deepStrictEqual(errorsOf("Job.deadLetters"), ["JobNotFoundError", "JobStoreError"])
  })
})

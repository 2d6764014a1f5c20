import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Csv from "../src/rows/Csv.ts"
import * as Rows from "../src/rows/Rows.ts"
import * as Template from "../src/rows/Template.ts"
import * as Outputs from "./support/Outputs.ts"

/** The rows in bytes that arrive in pieces of some length. */
const rowsOf = (content: Uint8Array, options: Rows.Options & { readonly piece?: number } = {}) =>
  Effect.gen(function*() {
    const { piece = 5, ...rest } = options
    const { notes, output } = Outputs.make()
    const pieces = Array.from(
      { length: Math.ceil(content.length / piece) },
      (_, index) => content.subarray(index * piece, (index + 1) * piece)
    )
    const rows = yield* Stream.runCollect(Rows.fromBytes(Stream.fromIterable(pieces), "rows", rest)).pipe(
      Effect.provide(output)
    )
    return { rows, notes }
  })

const utf8 = (text: string) => new TextEncoder().encode(text)

const textsOf = (content: string | Uint8Array, options?: Rows.Options & { readonly piece?: number }) =>
  Effect.map(
    rowsOf(typeof content === "string" ? utf8(content) : content, options),
    ({ rows }) => rows.map(({ text }) => text)
  )

const problemOf = (content: string | Uint8Array, options?: Rows.Options) =>
  Effect.map(Effect.flip(textsOf(content, options)), ({ message, reason }) => `${reason}: ${message}`)

describe("Rows of JSONL", () => {
  it.effect("are the lines, unchanged: large integers, U+2028 and U+2029, blank lines left out (jobs 43, 46)", () =>
    Effect.gen(function*() {
      const lines = [
        "{\"id\":12345678901234567890, \"text\":\"a\u2028b\u2029c\"}",
        "{\"id\": 1e400,\"text\":\"\"}",
        "{\"text\":\"last\"}"
      ]
      const { rows } = yield* rowsOf(utf8(`${lines[0]}\r\n\n${lines[1]}\n   \n${lines[2]}`))
      assert.deepStrictEqual(rows.map(({ text }) => text), lines)
      assert.deepStrictEqual(rows.map(({ line }) => line), [1, 3, 5])
      assert.deepStrictEqual(rows[0]?.values, { id: "12345678901234567890", text: "a\u2028b\u2029c" })
      assert.strictEqual(rows[1]?.values["id"], "1e400")
    }))

  it.effect("are refused with their line when they are no objects, and quote nothing of it", () =>
    Effect.gen(function*() {
      for (const wrong of ["{\"a\":", "[1]", "7", "null", "{\"secret\":1} x"]) {
        const problem = yield* problemOf(`{"a":1}\n\n${wrong}\n`, { format: "jsonl" })
        assert.match(problem, /^usage: rows, line 3: not (a )?JSON/)
        assert.notInclude(problem, "secret")
      }
    }))

  it.effect("are as long as the limit, and no longer (jobs 45)", () =>
    Effect.gen(function*() {
      const line = (length: number) => `{"a":"${"x".repeat(length - 8)}"}`
      const options = { format: "jsonl", maxField: 10 } as const
      assert.deepStrictEqual(yield* textsOf(`${line(320)}\n${line(320)}`, options), [line(320), line(320)])
      assert.include(yield* problemOf(`${line(20)}\n${line(321)}`, options), "line 2: the line is longer than 320")
    }))
})

const field = Arbitrary.map(
  Arbitrary.array(Arbitrary.schema(Schema.Literals(["a", "\"", ",", "\n", "\r", "\u2028", "é", " ", "😀"]))),
  (characters) => characters.join("")
)
const records = Arbitrary.array(Arbitrary.array(field, { minLength: 2 }))
const pieces = Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 7 })))

describe("Rows of CSV", () => {
  it.effect("are objects of text: 007 stays, quotes, ends of lines and U+2028 in fields (jobs 43, 46)", () =>
    Effect.gen(function*() {
      const content = "id,name,note\r\n007,\"Smith, \"\"J\"\"\",\"two\r\nlines\u2028\"\r\n\r\n12345678901234567890,,\n"
      const { notes, rows } = yield* rowsOf(utf8(content), { format: "csv" })
      assert.deepStrictEqual(rows.map(({ text }) => JSON.parse(text)), [
        { id: "007", name: "Smith, \"J\"", note: "two\r\nlines\u2028" },
        { id: "12345678901234567890", name: "", note: "" }
      ])
      assert.deepStrictEqual(rows.map(({ line }) => line), [2, 5])
      assert.deepStrictEqual(notes, ["rows: fields are separated by comma"])
    }))

  it.effect("have the delimiter that fits several rows outside of quotes, and say so (jobs 47)", () =>
    Effect.gen(function*() {
      const files = {
        semicolon: "a;b\n\"1,5\";2,5\n3,5;4\n",
        tab: "a\tb\n1,2\t3;4\n",
        bar: "a|b|c\n1|2|3",
        comma: "a,b\n\"x;y;z\",1\n\"p;q;r\",2"
      }
      for (const [name, content] of Object.entries(files)) {
        const { notes, rows } = yield* rowsOf(utf8(content))
        assert.deepStrictEqual(notes, [`rows: fields are separated by ${name}`])
        assert.include(Object.keys(rows[0]?.values ?? {}), "b")
      }
      assert.deepStrictEqual(yield* textsOf("name\nx\ny"), ["{\"name\":\"x\"}", "{\"name\":\"y\"}"])
      assert.deepStrictEqual(yield* textsOf("a;b\n1;2", { delimiter: "," }), ["{\"a;b\":\"1;2\"}"])
    }))

  it.effect("are decoded by their byte order mark, which is in no name of a column (jobs 47)", () =>
    Effect.gen(function*() {
      const content = "\"id\",text\n1,Grüße 😀\n"
      const expected = ["{\"id\":\"1\",\"text\":\"Grüße 😀\"}"]
      const little = Buffer.from(`\ufeff${content}`, "utf16le")
      for (const bytes of [utf8(`\ufeff${content}`), little, Buffer.from(little).swap16()]) {
        for (let piece = 1; piece < 9; piece++) {
          assert.deepStrictEqual(yield* textsOf(bytes, { piece }), expected)
        }
      }
      assert.deepStrictEqual(yield* textsOf(utf8("\ufeff{\"a\":1}")), ["{\"a\":1}"])
    }))

  it.effect("refuse bytes that are no text with their offset, and put nothing in their place (jobs 47)", () =>
    Effect.gen(function*() {
      const bytes = Buffer.from("id,t\n1,Gr\xfc\xdfe and more\n", "latin1")
      for (let piece = 1; piece < 20; piece++) {
        const { message } = yield* Effect.flip(textsOf(bytes, { piece }))
        assert.strictEqual(message, "rows: bytes that are not UTF-8 at byte 9")
      }
      assert.include(
        yield* problemOf(utf8("a,b\n1,\0")),
        "NUL byte, which is in no text: UTF-16 needs a byte order mark, at byte 6"
      )
      assert.include(yield* problemOf(Buffer.concat([utf8("a\nx"), Buffer.from([0xe2, 0x82])])), "not UTF-8 at byte 3")
      const lone = Buffer.from("\ufeffab\ud800c", "utf16le")
      assert.include(yield* problemOf(lone), "half a surrogate pair at byte 6")
      assert.include(yield* problemOf(lone.subarray(0, 5)), "half a character at byte 4")
      assert.include(yield* problemOf(Buffer.from([0xff, 0xfe, 0, 0, 65, 0, 0, 0])), "UTF-32")
    }))

  it.effect("name the line where a quote began that is not closed, or closed too late (jobs 44)", () =>
    Effect.gen(function*() {
      const content = "a,b\n1,2\n3,\"4\n5,6\n7,8\n"
      assert.include(yield* problemOf(content), "rows, line 3: a quote begins here that is never closed")
      const long = `a,b\n1,2\n3,"4\n${"5,6\n".repeat(100)}"\n`
      assert.match(
        yield* problemOf(long, { maxField: 100, format: "csv" }),
        /line 3: a quote begins here whose field is longer/
      )
      assert.match(
        yield* problemOf(`a,b\n1,${"x".repeat(101)}`, { maxField: 100 }),
        /line 2: a field is longer than 100/
      )
      assert.include(yield* problemOf("a,b\n1,\"2\" 3\n"), "line 2: text follows a closing quote")
      assert.include(yield* problemOf("a,b\n1,2\n1,2,3\n"), "line 3: 3 fields, but 2 names of columns")
      assert.include(yield* problemOf("a,b,a\n"), "line 1: two columns have the name \"a\"")
    }))

  it.prop(
    "are the fields that were written, in pieces of any size (jobs 44)",
    [records, pieces],
    ([records, piece]) => {
      const written = records
        .map((fields) => fields.map((field) => `"${field.replaceAll("\"", "\"\"")}"`).join(","))
        .join("\n")
      const reader = Csv.make({ delimiter: ",", maxField: 1000 })
      const read: Array<Csv.Record> = []
      for (let at = 0; at < written.length; at += piece) {
        read.push(...Result.getOrThrow(reader.push(written.slice(at, at + piece))))
      }
      read.push(...Result.getOrThrow(reader.end()))
      assert.deepStrictEqual(read.map(({ fields }) => fields), records)
    }
  )
})

describe("Rows of a file", () => {
  it.effect("are read by its name, or by what it begins with", () =>
    Effect.gen(function*() {
      const fileSystem = yield* FileSystem.FileSystem
      const folder = yield* fileSystem.makeTempDirectoryScoped()
      const { output } = Outputs.make()
      for (
        const [name, content] of [["a.csv", "{\"x\"\n1"], ["b.jsonl", "{\"x\":1}"], ["c.txt", " {\"x\":1}"], [
          "d",
          "x\n1"
        ]]
      ) {
        yield* fileSystem.writeFileString(`${folder}/${name}`, content ?? "")
        const rows = yield* Effect.provide(Stream.runCollect(Rows.read(`${folder}/${name}`)), output)
        assert.strictEqual(rows.length, 1)
      }
      const { message } = yield* Effect.flip(Effect.provide(Stream.runCollect(Rows.read(`${folder}/e`)), output))
      assert.include(message, "there is no such file")
    }).pipe(Effect.provide(NodeServices.layer)))
})

describe("Template", () => {
  const render = (text: string, values: Record<string, unknown>) => Template.render(Template.parse(text), values)

  it("puts columns into a text, and names one that is absent (jobs 47)", () => {
    const values = { id: "12345678901234567890", text: "a {{id}}", tags: ["x"], "a.b": 1, a: { b: 2, c: { d: 3 } } }
    assert.deepStrictEqual(
      render("{{id}}: {{ text }} {{tags}} {{a.b}} {{a.c.d}} {}", values),
      Result.succeed("12345678901234567890: a {{id}} [\"x\"] 1 3 {}")
    )
    assert.deepStrictEqual(render("No columns", values), Result.succeed("No columns"))
    for (const absent of ["none", "a.x", "constructor", "text.length"]) {
      assert.deepStrictEqual(render(`{{${absent}}}`, values), Result.fail(absent))
    }
  })
})

import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { read } from "./support/Reading.ts"

const blocksOf = (html: string) =>
  Effect.map(read("a.html", html), ({ blocks }) => blocks.map(({ headings, kind, text }) => [kind, text, ...headings]))

const textOf = (html: string) => Effect.map(read("a.html", html), ({ text }) => text)

describe("Html", () => {
  it.effect("gives headings, paragraphs, items, quotes, code and rows with all headings above them (jobs 70)", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(
        yield* blocksOf(
          "<!DOCTYPE html><title>T</title><body><h1>A</h1><p>one <b>b</b>old</p><div><h3>B <i>c</i></h3>text<br>line" +
            "<ul><li>x<ul><li>y</ul><li>z</ul></div><blockquote><p>q</blockquote><h2>C</h2><pre>\n a\n  b &lt;\n</pre>" +
            "<table><caption>cap</caption><tr><th>k<th>v<tr><td><p>1</p><td><td>3</table>"
        ),
        [
          ["heading", "A"],
          ["paragraph", "one bold", "A"],
          ["heading", "B c", "A"],
          ["paragraph", "text\nline", "A", "B c"],
          ["list-item", "x", "A", "B c"],
          ["list-item", "y", "A", "B c"],
          ["list-item", "z", "A", "B c"],
          ["quote", "q", "A", "B c"],
          ["heading", "C", "A"],
          ["code", " a\n  b <", "A", "C"],
          ["table", "cap", "A", "C"],
          ["table", "k | v", "A", "C"],
          ["table", "1 | | 3", "A", "C"]
        ]
      )
    }))

  it.effect("has its title, which is not part of the text", () =>
    Effect.gen(function*() {
      const document = yield* read("a.html", "<head><title>\n The &amp; Title </title></head><p>x")
      assert.strictEqual(document.title, "The & Title")
      assert.strictEqual(document.text, "x")
    }))

  it.effect("leaves out what is not shown, and nothing else", () =>
    Effect.gen(function*() {
      assert.strictEqual(
        yield* textOf(
          "<style>p{}</style><script>if (a<b) '</p>'</script><nav><a>menu</a><p>more</nav><!-- no -->" +
            "<p>a<span hidden>no</span>b<div style='color:red; display : NONE'>no<div>no</div>no</div>" +
            "<p aria-hidden=true>no</p><svg><text>no</text></svg><template>no</template><noscript>no</noscript><p hidden>no" +
            "<p>c<select><option>no</select><svg/>d<p hidden=until-found>e"
        ),
        "ab\n\ncd\n\ne"
      )
    }))

  it.effect("decodes references, and collapses white space except in code", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* textOf("<p>  a\n\t b&nbsp;&eacute;&#x1F642;  <b> c</b> </p>"), "a b\u00a0é🙂 c")
      assert.strictEqual(yield* textOf("<pre>a\n\n  b<div>c</div></pre>"), "a\n\n  b\nc")
    }))

  it.effect("reads pages whose elements do not end, or end twice", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* blocksOf("<h1>A<p>b</h1></p></p></div>c<li>d<p>e"), [
        ["heading", "A"],
        ["paragraph", "b", "A"],
        ["paragraph", "c", "A"],
        ["list-item", "d", "A"],
        ["list-item", "e", "A"]
      ])
    }))

  it.effect("reads tables that lay out a page as its blocks", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* blocksOf("<table><tr><td><h1>A</h1><div>text</div><ul><li>b</ul></table>"), [
        ["heading", "A"],
        ["table", "text", "A"],
        ["list-item", "b", "A"]
      ])
    }))

  it.effect("has the lines of the source", () =>
    Effect.gen(function*() {
      const { blocks } = yield* read("a.html", "<html>\n<p>\n\none\ntwo\n</p><p>\n&lt;three</p>\n")
      assert.deepStrictEqual(blocks.map(({ position }) => [position.first, position.last]), [[4, 5], [7, 7]])
    }))
})

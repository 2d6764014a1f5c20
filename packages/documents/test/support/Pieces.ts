import * as Schema from "effect/Schema"

/** Documents made of what decides on their structure, and of text that is hard to cut. */
const text = [
  "word ",
  "Words of a sentence. ",
  "今天天气很好。",
  "สวัสดีครับ",
  "👩‍👩‍👧",
  "🇩🇪🇫🇷",
  "e\u0301",
  "a\u00a0b",
  "\t",
  " ",
  "\n",
  "\n\n"
]

const markdown = [
  ..."# |## |- |1. |> |```\n|~~~|    |---\n|===\n|title: x\n|[a]: b\n|<div>\n|<!--|-->|*|_|`|\\|\r\n|\u0000".split("|"),
  "| a | b |\n|---|---|\n| c "
]

const html = [
  ..."<p> </p> <li> <ul> </ul> <table> <tr> <td> </td> </table> <h1> </h1> <h2> <pre> </pre> <br> <b> </b> &amp; &#xD800;"
    .split(" "),
  ..."<nav> </nav> <svg> </svg> <svg/> <script> </script> <title> </title> <div> </div> <!-- --> < | <template>".split(
    " "
  ),
  "<p hidden>",
  "<div style='display:none'>"
]

const some = (pieces: ReadonlyArray<string>) =>
  Schema.Array(Schema.Literals([...pieces, ...text])).check(Schema.isMaxLength(80))

export const Pieces = Schema.Union([
  Schema.Struct({ name: Schema.Literal("a.md"), pieces: some(markdown) }),
  Schema.Struct({ name: Schema.Literal("a.txt"), pieces: some([]) }),
  Schema.Struct({ name: Schema.Literal("a.html"), pieces: some(html) })
])

export const Bytes = Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 255 })))
  .check(Schema.isMaxLength(200))

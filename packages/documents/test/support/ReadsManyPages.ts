/** Reads a PDF of many pages, and prints how much memory it took at most. */
import { Reader } from "@strata/documents"
import * as Effect from "effect/Effect"
import * as PdfWriter from "./PdfWriter.ts"

const line = "The quick brown fox jumps over the lazy dog and goes on and on till the end of it."
const page = PdfWriter.lines(Array.from({ length: 40 }, (_, index) => `${index} ${line}`))
const bytes = PdfWriter.write(Array.from({ length: Number(process.argv[2]) }, () => page))

Effect.runPromise(Reader.read({ name: "many.pdf", bytes })).then(({ text }) => {
  const memory = process.resourceUsage().maxRSS * 1024
  console.log(JSON.stringify({ bytes: bytes.length, characters: text.length, memory }))
})

/**
 * The tables of `docs/providers.md`, made of the declarations that the contract suites run: what is "yes" there passed its tests.
 *
 *     node packages/conformance/src/contract/Table.ts       writes them into the page
 */
import { ChatContract, type Contract, EmbeddingContract, RerankContract } from "@strata/core/testing"
import * as Fs from "node:fs"
import * as All from "./All.ts"

interface Subject {
  readonly name: string
  readonly support?: { readonly [feature: string]: Contract.Support | undefined } | undefined
  readonly errors?: { readonly [tag: string]: string | undefined } | undefined
  readonly finishReasons?: { readonly [reason: string]: string | undefined } | undefined
  readonly deviations?: Readonly<Record<string, string>> | undefined
}

const table = (title: string, features: Readonly<Record<string, string>>, subjects: ReadonlyArray<Subject>) => {
  const notes: Array<string> = []
  const noted = (word: string, note: string) => {
    const known = notes.indexOf(note)
    const number = known >= 0 ? known + 1 : notes.push(note)
    return `${word} (${number})`
  }
  const cell = (feature: string, { support = {} }: Subject) => {
    const given = support[feature] ?? "yes"
    if (given === "yes") return given
    return "refused" in given ? noted("refused", given.refused) : noted("no", given.missing)
  }
  const rows = [
    [title, ...subjects.map(({ name }) => name)],
    [":--", ...subjects.map(() => ":--")],
    ...Object.entries(features).map(([feature, words]) => [words, ...subjects.map((subject) => cell(feature, subject))])
  ]
  const exceptions = subjects.flatMap(({ deviations = {}, errors = {}, finishReasons = {}, name }) => [
    ...told(name, "an error of the model arrives under another tag", errors),
    ...told(name, "an answer ends with another reason", finishReasons),
    ...Object.entries(deviations).map(([test, why]) => `${name} does not pass "${test}": ${why}.`)
  ])
  return [
    ...rows.map((row) => `| ${row.join(" | ")} |`),
    "",
    ...notes.map((note, index) => `${index + 1}. ${note}`),
    ...(exceptions.length === 0 ? [] : ["", ...exceptions.map((exception) => `- ${exception}`)])
  ].join("\n")
}

const told = (name: string, what: string, changes: { readonly [from: string]: string | undefined }) => {
  const pairs = Object.entries(changes).map(([from, to]) => `\`${from}\` as \`${to}\``)
  return pairs.length === 0 ? [] : [`${name}, ${what}: ${pairs.join(", ")}.`]
}

const begin = "<!-- made of the declarations of packages/conformance/src/contract -->"

const end = "<!-- end -->"

const tables = [
  table("chat", ChatContract.features, [...All.chat, ...All.chatVariants]),
  table("embeddings", EmbeddingContract.features, All.embedding),
  table("reranking", RerankContract.features, All.rerank)
].join("\n\n")

/** The page with its tables as they should be. */
export const updated = (page: string): string => {
  const [before = "", rest = ""] = page.split(begin)
  return `${before}${begin}\n\n${tables}\n\n${end}${rest.split(end)[1] ?? "\n"}`
}

/** Where the page is. */
export const page = new URL("../../../../docs/providers.md", import.meta.url)

if (import.meta.main) Fs.writeFileSync(page, updated(Fs.readFileSync(page, "utf8")))

/** Every error class that the packages export, with what its doc comment says of it. */
import * as Bedrock from "@strata/bedrock"
import * as Cli from "@strata/cli"
import * as Core from "@strata/core"
import * as Testing from "@strata/core/testing"
import * as Documents from "@strata/documents"
import * as EffectAi from "@strata/effect-ai"
import * as Emulator from "@strata/emulator"
import * as Jobs from "@strata/jobs"
import * as Local from "@strata/local"
import * as Mcp from "@strata/mcp"
import * as OpenAi from "@strata/openai"
import * as Persistence from "@strata/persistence"
import * as Ui from "@strata/ui"
import type { Schema } from "effect"
import * as Fs from "node:fs"
import * as Path from "node:path"

/**
 * - `name`: where a program finds the class, such as `ProviderError.RateLimitError`.
 * - `summary`, `when`, `remedy`: paragraphs of its doc comment; empty where it has none. `fields`: its list.
 */
export interface Documented {
  readonly tag: string
  readonly from: string
  readonly name: string
  readonly schema: Record<string, Schema.Constraint>
  readonly summary: string
  readonly when: string
  readonly remedy: string
  readonly fields: string
}

const packages: Readonly<Record<string, object>> = {
  "@strata/core": Core,
  "@strata/bedrock": Bedrock,
  "@strata/openai": OpenAi,
  "@strata/effect-ai": EffectAi,
  "@strata/local": Local,
  "@strata/jobs": Jobs,
  "@strata/documents": Documents,
  "@strata/mcp": Mcp,
  "@strata/ui": Ui,
  "@strata/persistence": Persistence,
  "@strata/emulator": Emulator,
  "@strata/cli": Cli,
  "@strata/core/testing": Testing
}

/** The classes, those of providers first, in the order of the packages and of their exports. */
export const all = (): ReadonlyArray<Documented> => {
  const found = new Map<string, Documented>()
  for (const [from, index] of Object.entries(packages)) {
    const modules = Object.entries(index).toSorted(([one], [other]) =>
      Number(other === "ProviderError") - Number(one === "ProviderError")
    )
    const inOrder = modules.flatMap(([module, exports]) =>
      classesOf(exports).map(([name, { fields, identifier }]) => [module, name, identifier, fields] as const)
    )
    const texts = commentsOf(from)
    const places = [...texts.keys()]
    inOrder.sort((one, other) => places.indexOf(one[2]) - places.indexOf(other[2]))
    for (const [module, name, tag, schema] of inOrder) {
      if (!found.has(tag)) {
        found.set(tag, { tag, from, name: `${module}.${name}`, schema, ...read(texts.get(tag) ?? "") })
      }
    }
  }
  const isOfProvider = (tag: string) => tag in Core.ProviderError
  return [...found.values()].toSorted((one, other) => Number(isOfProvider(other.tag)) - Number(isOfProvider(one.tag)))
}

interface ErrorClass {
  readonly identifier: string
  readonly fields: Record<string, Schema.Constraint>
}

const classesOf = (module: unknown) =>
  Object.entries(module as Record<string, unknown>).filter((entry): entry is [string, ErrorClass & Function] => {
    const [, value] = entry
    return typeof value === "function" && value.prototype instanceof Error && "identifier" in value
  })

/** The doc comments of the error classes of a package, by their names, in the order of the files. */
const commentsOf = (from: string): ReadonlyMap<string, string> => {
  const folder = Path.join(import.meta.dirname, "../../..", from.split("/")[1]!, "src")
  const comments = new Map<string, string>()
  for (const file of Fs.globSync("**/*.ts", { cwd: folder }).toSorted()) {
    const text = Fs.readFileSync(Path.join(folder, file), "utf8")
    const classes =
      /\/\*\*((?:(?!\*\/)[\s\S])*?)\*\/\nexport class (\w+)\s+extends (?:TaggedError\.make|Schema\.TaggedError)</g
    for (const [, comment = "", name = ""] of text.matchAll(classes)) comments.set(name, comment)
  }
  return comments
}

const read = (comment: string) => {
  const paragraphs = comment
    .replace(/^\s*\* ?/gm, "")
    .trim()
    .split(/\n\s*\n/)
    .map((paragraph) => paragraph.replaceAll(/\{@link (\w+)\}/g, "`$1`"))
  const joined = (paragraph: string) => paragraph.replace(/\s+/g, " ").trim()
  const labelled = (label: string) =>
    paragraphs.filter((paragraph) => paragraph.startsWith(label)).map((paragraph) => {
      const text = joined(paragraph.slice(label.length))
      return text.charAt(0).toUpperCase() + text.slice(1)
    }).join("\n\n")
  return {
    summary: joined(paragraphs[0] ?? ""),
    when: labelled("When:"),
    remedy: labelled("Remedy:"),
    fields: paragraphs.filter((paragraph) => paragraph.startsWith("- ")).join("\n")
  }
}

/**
 * The exports of a module and their doc comments, read from the text of its source: there is no compiler in it, so it knows the forms
 * in which this repository writes exports, and no others.
 */
import * as Fs from "node:fs"
import * as Path from "node:path"

/**
 * - `module`: the name by which an index exports the module; `file`: its path from the root.
 * - `kind`: of the declaration; `signature`: its text up to the body.
 * - `comment`: without its frame of stars; `undefined` where there is none.
 */
export interface Export {
  readonly from: string
  readonly module: string
  readonly file: string
  readonly line: number
  readonly name: string
  readonly kind: string
  readonly signature: string
  readonly comment: string | undefined
}

export const root = Path.join(import.meta.dirname, "../../..")

/** The libraries, by their folders. */
export const packages = [
  "core",
  "bedrock",
  "openai",
  "effect-ai",
  "local",
  "jobs",
  "documents",
  "mcp",
  "ui",
  "persistence",
  "emulator",
  "cli"
]

const indexes = (
  name: string
) => [`packages/${name}/src/index.ts`, ...(name === "core" ? ["packages/core/src/testing/index.ts"] : [])]

/** The modules that the indexes of a package export, as names and files. */
export const modulesOf = (name: string): ReadonlyArray<readonly [module: string, file: string]> =>
  indexes(name).flatMap((index) =>
    [...read(index).matchAll(/^export \* as (\w+) from "(.+)"$/gm)].map(([, module = "", path = ""]) =>
      [module, Path.join(Path.dirname(index), path)] as const
    )
  )

/** All exports of a package that its users see. */
export const of = (name: string): ReadonlyArray<Export> => {
  const seen = new Set<string>()
  const ofFile = (module: string, file: string): ReadonlyArray<Export> => {
    if (seen.has(file)) return []
    seen.add(file)
    const text = read(file)
    const others = [...text.matchAll(/^export (?:type )?\* from "(\..+)"$/gm)]
      .flatMap(([, path = ""]) => ofFile(module, Path.join(Path.dirname(file), path)))
    return [...declared(text).map((found) => ({ from: name, module, file, ...found })), ...others]
  }
  return modulesOf(name).flatMap(([module, file]) => ofFile(module, file))
}

const declared = (text: string): ReadonlyArray<Omit<Export, "from" | "module" | "file">> => {
  const found: Array<Omit<Export, "from" | "module" | "file">> = []
  const exported =
    /(\/\*\*((?:(?!\*\/)[\s\S])*?)\*\/\n(?:\/\/.*\n)*)?export (const|function|abstract class|class|interface|type|declare const) (\w+)/g
  for (const match of text.matchAll(exported)) {
    const [whole, frame, comment, kind = "", name = ""] = match
    if (comment?.includes("@internal")) continue
    const at = match.index + (frame?.length ?? 0)
    if (at > 0 && text[at - 1] !== "\n") continue
    // The value of a schema is documented by the type of its name.
    const rest = text.slice(at)
    const end = rest.search(/\n(?=\n|\/\*\*|export )/)
    found.push({
      name,
      kind,
      line: text.slice(0, at).split("\n").length,
      signature: rest.slice(0, end < 0 ? undefined : end),
      comment: comment?.replace(/^\s*\* ?/gm, "").trim()
    })
    void whole
  }
  const byName = new Map<string, Omit<Export, "from" | "module" | "file">>()
  for (const one of found) {
    const before = byName.get(one.name)
    byName.set(
      one.name,
      before === undefined ? one : { ...one, comment: before.comment ?? one.comment, line: before.line }
    )
  }
  return [...byName.values()]
}

const read = (file: string) => Fs.readFileSync(Path.join(root, file), "utf8")

/** The first sentence of a comment. */
export const sentenceOf = (comment: string): string => {
  const [paragraph = ""] = comment.split(/\n\s*\n|\n(?=- )/)
  const text = paragraph.replace(/\s+/g, " ").trim()
  return /^.*?[.!?](?=\s|$)(?<!\b(?:e\.g|i\.e|etc)\.)/.exec(text)?.[0] ?? text
}

/**
 * The names of errors that a function, an effect, a stream or a layer fails with by its declared type, without those of type
 * parameters. Empty where the type is inferred.
 */
export const errorsOf = ({ kind, signature }: Export): ReadonlyArray<string> => {
  if (kind !== "const" && kind !== "function") return []
  const head = signature.split(/\n?\}?\s*=>\s*(?:\n|Effect\.gen|\{|Layer\.)/)[0] ?? signature
  const errors = new Set<string>()
  for (
    const { index, 0: opening } of head.matchAll(/(?:Effect\.Effect|Effect\.fn\.Return|Stream\.Stream|Layer\.Layer)</g)
  ) {
    const [, error = "never"] = argumentsOf(head.slice(index + opening.length))
    const given = opening.startsWith("Layer") ? error : error
    for (const [, name = ""] of given.matchAll(/(?:\w+\.)?(\w*(?:Error|Closed))\b/g)) errors.add(name)
  }
  return [...errors]
}

/** The type arguments at the beginning of a text that follows `<`. */
const argumentsOf = (text: string): ReadonlyArray<string> => {
  const found: Array<string> = []
  let depth = 0
  let start = 0
  for (let at = 0; at < text.length; at++) {
    const sign = text[at]!
    if ("<({[".includes(sign)) depth++
    if (sign === ">" && text[at - 1] === "=") continue
    if (depth === 0 && (sign === "," || sign === ">")) {
      found.push(text.slice(start, at).trim())
      start = at + 1
      if (sign === ">") return found
    }
    if (">)}]".includes(sign)) depth--
  }
  return found
}

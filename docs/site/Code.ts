/**
 * The plugin of Expressive Code that puts types behind the identifiers of code blocks, and links behind the names of API pages.
 */
import { ExpressiveCodeAnnotation, type ExpressiveCodePlugin } from "@astrojs/starlight/expressive-code"
import { type Element, h, type Parents } from "@astrojs/starlight/expressive-code/hast"
import * as Fs from "node:fs"
import * as Path from "node:path"
import { createHighlighter } from "shiki"
import type * as Snippets from "./Snippets.ts"

/** Themes of code, for dark and light. */
export const themes = ["github-dark-default", "github-light-default"] as const

/** A block with what is behind its identifiers. */
export interface Typed {
  readonly code: string
  readonly hovers: ReadonlyArray<Snippets.Hover>
}

class HoverAnnotation extends ExpressiveCodeAnnotation {
  readonly index: number
  constructor(hover: Snippets.Hover, index: number) {
    super({ inlineRange: { columnStart: hover.start, columnEnd: hover.end }, renderPhase: "latest" })
    this.index = index
  }
  render({ nodesToTransform }: { readonly nodesToTransform: Array<Parents> }): Array<Parents> {
    return nodesToTransform.map((node) => h("span.typed", { "data-type": this.index }, node as Element))
  }
}

class LinkAnnotation extends ExpressiveCodeAnnotation {
  readonly href: string
  constructor(columnStart: number, columnEnd: number, href: string) {
    super({ inlineRange: { columnStart, columnEnd }, renderPhase: "latest" })
    this.href = href
  }
  render({ nodesToTransform }: { readonly nodesToTransform: Array<Parents> }): Array<Parents> {
    return nodesToTransform.map((node) => h("a", { href: this.href }, node as Element))
  }
}

/**
 * `typed` has the blocks of files by their absolute paths, `linked` the addresses of names that code of a file refers to.
 */
export const plugin = async (
  typed: ReadonlyMap<string, ReadonlyArray<Typed>>,
  linked: ReadonlyMap<string, ReadonlyMap<string, string>>
): Promise<ExpressiveCodePlugin> => {
  const highlighter = await createHighlighter({ themes: [...themes], langs: ["ts"] })
  const [dark, light] = themes
  const known = new Map<string, Element>()
  const highlighted = (type: string): Element => {
    const found = known.get(type)
    if (found !== undefined) return structuredClone(found)
    const root = highlighter.codeToHast(type, { lang: "ts", themes: { dark, light }, defaultColor: false })
    const pre = root.children[0] as Element
    const made = h("code", (pre.children[0] as Element).children)
    known.set(type, made)
    return structuredClone(made)
  }
  return {
    name: "Types",
    baseStyles: Fs.readFileSync(Path.join(import.meta.dirname, "types.css"), "utf8"),
    jsModules: [Fs.readFileSync(Path.join(import.meta.dirname, "types.js"), "utf8")],
    hooks: {
      annotateCode: ({ codeBlock }) => {
        const file = codeBlock.parentDocument?.sourceFilePath ?? ""
        const block = codeBlock.language === "ts" &&
          typed.get(file)?.find(({ code }) => trimmed(code) === trimmed(codeBlock.code))
        if (block) {
          const types = distinct(block)
          for (const hover of block.hovers) {
            const index = types.findIndex((type) => isSame(type, hover))
            codeBlock.getLine(hover.line)?.addAnnotation(new HoverAnnotation(hover, index))
          }
        }
        const links = linked.get(file)
        if (links !== undefined && codeBlock.language === "ts") {
          for (const line of codeBlock.getLines().filter(({ text }) => !text.startsWith("import "))) {
            for (const match of line.text.matchAll(/(?<![\w.])[A-Z]\w*(?:\.\w+)?/g)) {
              const href = links.get(match[0])
              const declared = /\b(?:type|const|class|interface|function) $/.test(line.text.slice(0, match.index))
              if (href !== undefined && !declared) {
                line.addAnnotation(new LinkAnnotation(match.index, match.index + match[0].length, href))
              }
            }
          }
        }
      },
      postprocessRenderedBlock: ({ codeBlock, renderData }) => {
        const file = codeBlock.parentDocument?.sourceFilePath ?? ""
        const block = codeBlock.language === "ts" &&
          typed.get(file)?.find(({ code }) => trimmed(code) === trimmed(codeBlock.code))
        if (!block || block.hovers.length === 0) return
        const types = distinct(block).map(({ documentation, type }) =>
          h("div", [highlighted(type), ...(documentation === "" ? [] : [h("p", documentation)])])
        )
        renderData.blockAst.children.push(h("div.types", { hidden: true, "data-pagefind-ignore": "all" }, types))
      }
    }
  }
}

/** A block says most types more than once. */
const distinct = ({ hovers }: Typed): ReadonlyArray<Snippets.Hover> =>
  hovers.filter((hover, index) => hovers.findIndex((other) => isSame(other, hover)) === index)

const isSame = (a: Snippets.Hover, b: Snippets.Hover): boolean =>
  a.type === b.type && a.documentation === b.documentation

const trimmed = (code: string): string => code.split("\n").map((line) => line.trimEnd()).join("\n").trimEnd()

/**
 * What the elements of HTML mean for its visible text.
 */
import type * as Document from "../Document.ts"

const names = (words: string): ReadonlySet<string> => new Set(words.split(" "))

/** Elements that begin and end blocks of text. */
export const blocks: ReadonlySet<string> = names(
  "address article aside blockquote body caption center dd details dialog dir div dl dt fieldset figcaption figure footer " +
    "form h1 h2 h3 h4 h5 h6 header hgroup hr html legend li main menu nav ol p pre section summary table tbody td tfoot th " +
    "thead tr ul"
)

/** Elements without an end. */
export const voids: ReadonlySet<string> = names(
  "area base basefont bgsound br col embed frame hr img input keygen link meta param source track wbr"
)

/** Elements whose content is not shown, or leads elsewhere. */
export const skipped: ReadonlySet<string> = names(
  "applet audio canvas datalist iframe math nav noembed noframes noscript object script select style svg template video"
)

/** What the text in an element is. In any other one it is what it is around that. */
export const kinds: ReadonlyMap<string, Document.Kind> = new Map<string, Document.Kind>([
  ["blockquote", "quote"],
  ["h1", "heading"],
  ["h2", "heading"],
  ["h3", "heading"],
  ["h4", "heading"],
  ["h5", "heading"],
  ["h6", "heading"],
  ["li", "list-item"],
  ["pre", "code"],
  ["table", "table"],
  ["tr", "table"],
  ["td", "table"],
  ["th", "table"]
])

/** Elements whose ends matter. */
export const structural: ReadonlySet<string> = new Set([...kinds.keys(), "dir", "menu", "ol", "title", "ul"])

/** In a row of a table these are blocks of their own: the table is the layout of a page. */
export const dividesRows: ReadonlySet<string> = names("h1 h2 h3 h4 h5 h6 li pre table tr")

/** The elements that end where one begins, up to the nearest one of `within`. */
export interface Implied {
  readonly ends: ReadonlySet<string>
  readonly within: ReadonlySet<string>
}

const cell: Implied = { ends: names("td th"), within: names("table tr") }

const implied: ReadonlyMap<string, Implied> = new Map<string, Implied>([
  ["li", { ends: names("li p"), within: names("ul ol menu dir td th") }],
  ["td", cell],
  ["th", cell],
  ["tr", { ends: names("tr td th"), within: names("table") }]
])

const paragraph: Implied = { ends: names("p svg math"), within: new Set([...blocks].filter((name) => name !== "p")) }

export const impliedBy = (name: string): Implied | undefined =>
  implied.get(name) ?? (blocks.has(name) ? paragraph : undefined)

/** Whether an attribute hides its element. */
export const isHidden = (name: string, value: string): boolean =>
  name === "hidden"
    ? value.trim().toLowerCase() !== "until-found"
    : name === "aria-hidden"
    ? value.trim().toLowerCase() === "true"
    : name === "style" &&
      /(^|[;\s])(display\s{0,9}:\s{0,9}none|visibility\s{0,9}:\s{0,9}(hidden|collapse))/i.test(value)

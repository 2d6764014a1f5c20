/**
 * Writes small PDFs: pages of text in Helvetica at given places, or of raw drawing instructions.
 */

/** Text at a place in points, from the lower left corner of a page of 612 × 792. */
export interface Placed {
  readonly text: string
  readonly x: number
  readonly y: number
  readonly size?: number
}

export type Page = ReadonlyArray<Placed> | string

/** A PDF, page by page; a string is the content stream of its page. */
export const write = (pages: ReadonlyArray<Page>): Uint8Array => {
  const parts: Array<string> = ["%PDF-1.4\n"]
  const offsets: Array<number> = []
  let length = parts[0]!.length
  const add = (body: string) => {
    offsets.push(length)
    const part = `${offsets.length} 0 obj\n${body}\nendobj\n`
    parts.push(part)
    length += part.length
  }
  add("<< /Type /Catalog /Pages 2 0 R >>")
  add(`<< /Type /Pages /Count ${pages.length} /Kids [${pages.map((_, index) => `${4 + index * 2} 0 R`).join(" ")}] >>`)
  add("<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>")
  for (const [index, page] of pages.entries()) {
    const content = typeof page === "string" ? page : contentOf(page)
    add(
      `<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Resources << /Font << /F 3 0 R >> >> ` +
        `/Contents ${5 + index * 2} 0 R >>`
    )
    add(`<< /Length ${content.length} >>\nstream\n${content}\nendstream`)
  }
  const table = offsets.map((offset) => `${String(offset).padStart(10, "0")} 00000 n \n`).join("")
  parts.push(
    `xref\n0 ${offsets.length + 1}\n0000000000 65535 f \n${table}trailer\n` +
      `<< /Size ${offsets.length + 1} /Root 1 0 R >>\nstartxref\n${length}\n%%EOF\n`
  )
  return Uint8Array.from(Buffer.from(parts.join(""), "latin1"))
}

const contentOf = (page: ReadonlyArray<Placed>): string =>
  page.map(({ size = 12, text, x, y }) => `BT /F ${size} Tf ${x} ${y} Td (${text.replace(/[\\()]/g, "\\$&")}) Tj ET`)
    .join("\n")

/** Lines below each other, from the top of the page on. */
export const lines = (texts: ReadonlyArray<string>, size = 12): ReadonlyArray<Placed> =>
  texts.map((text, index) => ({ text, x: 72, y: 720 - index * size * 1.2, size }))

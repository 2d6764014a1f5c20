/**
 * Prompts with the columns of a row in them: `Translate into French: {{text}}`.
 */
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"

/** Texts and names of columns, in turns: a text first, and last. */
export interface Template {
  readonly texts: ReadonlyArray<string>
  readonly columns: ReadonlyArray<string>
}

/** Reads a template. White space around the name of a column does not count. */
export const parse = (text: string): Template => {
  const texts: Array<string> = []
  const columns: Array<string> = []
  let from = 0
  for (const match of text.matchAll(/\{\{([^{}]+)\}\}/g)) {
    texts.push(text.slice(from, match.index))
    columns.push((match[1] ?? "").trim())
    from = match.index + match[0].length
  }
  texts.push(text.slice(from))
  return { texts, columns }
}

/**
 * The text for a row; fails with the name of a column that the row does not have. `a.b` is the member `b` of `a`, where there
 * is no column of that name. Values other than text are JSON.
 */
export const render = (
  { columns, texts }: Template,
  values: Readonly<Record<string, unknown>>
): Result.Result<string, string> => {
  let rendered = texts[0] ?? ""
  for (const [index, column] of columns.entries()) {
    const value = valueOf(values, column)
    if (value === undefined) return Result.fail(column)
    rendered += `${typeof value === "string" ? value : JSON.stringify(value)}${texts[index + 1] ?? ""}`
  }
  return Result.succeed(rendered)
}

const valueOf = (values: Readonly<Record<string, unknown>>, column: string): unknown => {
  if (Object.hasOwn(values, column)) return values[column]
  let value: unknown = values
  for (const name of column.split(".")) {
    value = Predicate.isObject(value) && Object.hasOwn(value, name)
      ? Object.getOwnPropertyDescriptor(value, name)?.value
      : undefined
  }
  return value
}

/**
 * Tells what happens to people who do not see the table: new refusals, at most one announcement for each poll.
 */

/** @import { Entry } from "../RequestLog.ts" */

import { find } from "./element.js"

/** @type {Set<number>} */
const told = new Set()

let began = false

/**
 * Announces the refusals among these entries that were not announced before; those from before the page was opened are
 * not.
 *
 * @param {ReadonlyArray<Entry>} entries
 */
export const announce = (entries) => {
  const news = entries.filter(({ number, refusal }) => refusal !== undefined && !told.has(number))
  for (const { number } of news) told.add(number)
  for (const number of [...told].slice(0, Math.max(0, told.size - remembered))) told.delete(number)
  const [first] = news
  if (began && first !== undefined) {
    const { model, number, operation = "unknown operation", refusal, status } = first
    const more = news.length > 1 ? `, and ${news.length - 1} more` : ""
    find("news", HTMLElement).textContent = `Request ${number}, ${operation}${
      model === undefined ? "" : ` of ${model}`
    }, was refused: ${status ?? ""} ${refusal?.exception ?? ""}${more}.`
  }
  began = true
}

/** After a restart of the emulator. */
export const forget = () => told.clear()

const remembered = 10_000

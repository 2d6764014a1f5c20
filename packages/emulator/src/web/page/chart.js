/**
 * A chart of a quota over time: a bar for each slot, a line at the limit, and a mark where requests were refused.
 */

/** @import { Past } from "../../quota/History.ts" */

import { element } from "./element.js"
import * as Format from "./format.js"

const width = 360

const height = 64

/** Above the limit, for what exceeds it and for the marks. */
const top = 14

/** How many slots are shown: as few as hold what there is; the emulator keeps the last number of them. */
const spans = [24, 60, 120]

/**
 * The chart of the limit with this index, for the figure and its caption.
 *
 * @param {Past} past
 * @param {number} index
 */
export const draw = (past, index) => {
  const { now, slotMillis } = past
  const { limit, unit } = past.limits[index] ?? { limit: 0, unit: "" }
  const slots = spans.find((span) => past.slots.length <= span) ?? 120
  const begin = now - slots * slotMillis
  const step = width / slots
  const chart = svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", class: "chart" })
  const yOf = (/** @type {number} */ used) =>
    height - (height - top) * Math.min(1 + top / (height - top), used / Math.max(1, limit))
  let most = 0
  let refused = 0
  for (const { at, throttled, used } of past.slots) {
    const x = (Math.max(at, begin) - begin) / (slots * slotMillis) * width
    if (at + slotMillis < begin) continue
    const amount = used[index] ?? 0
    most = Math.max(most, amount)
    const times = throttled[index] ?? 0
    refused += times
    if (amount > 0) {
      const y = yOf(amount)
      chart.append(svg("rect", {
        x,
        y,
        width: Math.max(0.5, Math.min(step - 0.5, width - x)),
        height: Math.max(0, height - y),
        class: amount > limit ? "slot over" : "slot"
      }))
    }
    if (times > 0) {
      const middle = Math.min(width - 5, x + step / 2)
      const mark = svg("path", { d: `M${middle - 5} 1h10l-5 9z`, class: "refused-mark" })
      const title = svg("title", {})
      title.textContent = `${Format.count(times)} refused`
      mark.append(title)
      chart.append(mark)
    }
  }
  chart.append(svg("line", { x1: 0, x2: width, y1: yOf(limit), y2: yOf(limit), class: "limit" }))
  const span = Format.duration(slots * slotMillis)
  const summary = `${Format.title(unit)} in the last ${span}: at most ${Format.count(most)} of ${
    Format.count(limit)
  } used, ${refused === 0 ? "none" : Format.count(refused)} refused`
  chart.setAttribute("aria-label", summary)
  return element(
    "figure",
    { "data-refused": refused, "data-most": most },
    element("figcaption", {}, `${Format.title(unit)}: at most ${Format.count(most)} of ${Format.count(limit)}`),
    chart,
    element(
      "div",
      { class: "axis" },
      element("span", {}, `${span} ago`),
      element("span", { class: "refusals" }, refused === 0 ? "" : `▼ ${Format.count(refused)} refused`),
      element("span", {}, "now")
    )
  )
}

/** @type {(tag: string, attributes: Readonly<Record<string, string | number>>) => SVGElement} */
const svg = (tag, attributes) => {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag)
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, String(value))
  return made
}

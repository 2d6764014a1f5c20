/**
 * The emulator's counters since its start.
 */

/** @import { Statistics } from "../../Statistics.ts" */

import { element, find, setText } from "./element.js"
import * as Format from "./format.js"

/** @type {ReadonlyArray<readonly [string, (seen: Statistics) => string, string?]>} */
const counters = [
  ["Requests", ({ requests }) => Format.count(requests)],
  ["In flight", ({ inFlight }) => Format.count(inFlight)],
  ["Completed", ({ completed }) => Format.count(completed), "With a complete response, errors included"],
  ["Aborted", ({ aborted }) => Format.count(aborted), "Given up by the client"],
  ["Dropped", ({ dropped }) => Format.count(dropped), "Cut off by a fault"],
  ["Failed", ({ failed }) => Format.count(failed), "The emulator could not send its response"],
  [
    "Connections",
    ({ connections, openConnections }) => `${Format.count(openConnections)} / ${Format.count(connections)}`,
    "Open now, and total; including this page's"
  ],
  ["Bytes in", ({ bytesIn }) => Format.bytes(bytesIn), "Of all connections, including this page's"],
  ["Bytes out", ({ bytesOut }) => Format.bytes(bytesOut), "Of all connections, including this page's"]
]

const tiles = counters.map(([name, read, meaning]) => {
  const value = element("dd", {}, "0")
  find("counters", HTMLElement).append(element("div", { title: meaning }, element("dt", {}, name), value))
  return { value, read }
})

/** @param {Statistics} seen */
export const show = (seen) => {
  for (const { read, value } of tiles) setText(value, read(seen))
  const statuses = Object.entries(seen.byStatus).map(([status, times]) =>
    element("li", { class: `status status-${status.charAt(0)}` }, `${status} × ${Format.count(times)}`)
  )
  find("statuses", HTMLElement).replaceChildren(...statuses)
}

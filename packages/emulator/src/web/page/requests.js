/**
 * The table of the latest requests, the newest first. A row expands to show the details of its request.
 */

/** @import { Detail, Entry, Log } from "../RequestLog.ts" */

import { element, find, setText } from "./element.js"
import * as Format from "./format.js"
import * as Server from "./server.js"

/** The maximum number of rows, for speed; the default of the emulator's `history`. */
const most = 256

/**
 * @typedef {{
 *   readonly update: (entry: Entry) => void
 *   readonly tick: (now: number) => void
 *   readonly remove: () => void
 * }} Row
 */

/** @type {Map<number, Row>} */
const rows = new Map()

/** @param {Log} log */
export const show = ({ now, requests }) => {
  const body = find("rows", HTMLTableSectionElement)
  for (const entry of requests) {
    let row = rows.get(entry.number)
    if (row === undefined) rows.set(entry.number, row = make(entry, body))
    row.update(entry)
  }
  for (const row of rows.values()) row.tick(now)
  for (const [number, row] of [...rows].slice(0, Math.max(0, rows.size - most))) {
    row.remove()
    rows.delete(number)
  }
  find("no-requests", HTMLElement).hidden = rows.size > 0
}

/** After a restart of the emulator. */
export const forget = () => {
  rows.clear()
  find("rows", HTMLTableSectionElement).replaceChildren()
}

/** @type {(first: Entry, body: HTMLTableSectionElement) => Row} */
const make = (first, body) => {
  const detailId = `request-${first.number}`
  const toggle = element("button", {
    type: "button",
    class: "opener",
    "aria-expanded": "false",
    "aria-controls": detailId
  })
  const time = element("time", { datetime: new Date(first.receivedAt).toISOString() })
  time.textContent = Format.timeOfDay(first.receivedAt)
  toggle.append(time)
  const operation = element("td")
  const model = element("td", { class: "model" })
  const status = element("span", { class: "status" })
  const millis = element("td", { class: "number" })
  const input = element("td", { class: "number" })
  const output = element("td", { class: "number" })
  const fault = element("td")
  const attempt = element("td", { class: "number" })
  const row = element(
    "tr",
    { class: "request new" },
    element("th", { scope: "row" }, toggle),
    operation,
    model,
    element("td", {}, status),
    millis,
    input,
    output,
    fault,
    attempt
  )
  const content = element("td", { colspan: 9 })
  const details = element("tr", { id: detailId, class: "details", hidden: true }, content)
  body.prepend(row, details)

  let { millis: took } = first
  const showDetails = () =>
    Server.request(first.number).then(
      (detail) => content.replaceChildren(...describe(detail)),
      () => content.replaceChildren(element("p", { class: "note" }, "The emulator no longer keeps this request."))
    )
  const open = () => {
    details.hidden = !details.hidden
    toggle.setAttribute("aria-expanded", String(!details.hidden))
    if (!details.hidden) void showDetails()
  }
  row.addEventListener("click", open)

  return {
    update: (latest) => {
      took = latest.millis
      setText(operation, latest.operation ?? "unknown")
      setText(model, latest.model ?? "")
      model.title = latest.model ?? ""
      setText(status, statusOf(latest))
      status.className = `status ${classOf(latest)}`
      status.title = latest.refusal === undefined ? "" : Format.refusal(latest.refusal)
      setText(input, latest.inputTokens === undefined ? "" : Format.count(latest.inputTokens))
      setText(output, latest.outputTokens === undefined ? "" : Format.count(latest.outputTokens))
      fault.replaceChildren(...latest.faults.map((name) => element("span", { class: "fault-name" }, name)))
      setText(attempt, latest.attempt === undefined ? "" : String(latest.attempt))
      if (!details.hidden) void showDetails()
    },
    tick: (now) => setText(millis, Format.count(took ?? Math.max(0, now - first.receivedAt))),
    remove: () => {
      row.remove()
      details.remove()
    }
  }
}

/** @type {(entry: Entry) => string} */
const statusOf = ({ outcome, status }) => {
  if (outcome === "completed") return String(status ?? "")
  const word = outcome === "in-flight" ? (status === undefined ? "waiting" : "writing") : outcome
  return status === undefined ? word : `${status} ${word}`
}

/** @type {(entry: Entry) => string} */
const classOf = ({ outcome, status }) => {
  if (outcome === "in-flight") return "status-flight"
  return outcome === "completed" ? `status-${String(status).charAt(0)}` : "status-5"
}

/** @type {(detail: Detail) => ReadonlyArray<Node>} */
const describe = (detail) => [
  element(
    "dl",
    { class: "facts" },
    ...fact("Request id", detail.requestId),
    ...fact("Path", detail.path),
    ...fact("Protocol", `HTTP/${detail.protocol}`),
    ...fact("Signed by", detail.scheme ?? "no accepted credentials"),
    ...fact("Region", detail.region),
    ...fact("Outcome", detail.outcome),
    ...(detail.refusal === undefined ? [] : fact("Refused", Format.refusal(detail.refusal))),
    ...Object.entries(detail.headers).filter(([name]) => !name.startsWith(":")).flatMap(([name, value]) =>
      fact(name, value)
    )
  ),
  detail.body === undefined
    ? element(
      "p",
      { class: "note" },
      "Bodies may hold prompts and are not shown. An emulator with ",
      captured(),
      " shows them."
    )
    : element("pre", { tabindex: 0, "aria-label": "Body of the request" }, JSON.stringify(detail.body, null, 2))
]

const captured = () => element("code", {}, "capture: true")

/** @type {(name: string, value: string) => ReadonlyArray<Node>} */
const fact = (name, value) => [element("dt", {}, name), element("dd", {}, value)]

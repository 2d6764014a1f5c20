/**
 * The table of the latest requests, the newest first. A row expands to show the details of its request.
 */

/** @import { Entry, Log } from "../RequestLog.ts" */

import * as Detail from "./detail.js"
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

/** The number of requests in flight among those shown. */
/** @type {Set<number>} */
const open = new Set()

/** @param {Log} log */
export const show = ({ now, requests }) => {
  const body = find("rows", HTMLTableSectionElement)
  for (const entry of requests.slice(-most)) {
    let row = rows.get(entry.number)
    if (row === undefined) rows.set(entry.number, row = make(entry, body))
    row.update(entry)
    if (entry.outcome === "in-flight") open.add(entry.number)
    else open.delete(entry.number)
  }
  for (const [number, row] of [...rows].slice(0, Math.max(0, rows.size - most))) {
    row.remove()
    rows.delete(number)
    open.delete(number)
  }
  for (const number of open) rows.get(number)?.tick(now)
  find("no-requests", HTMLElement).hidden = rows.size > 0
}

/** Whether a request is being answered. */
export const isBusy = () => open.size > 0

/** After a restart of the emulator. */
export const forget = () => {
  rows.clear()
  open.clear()
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
  toggle.append(time, element("span", { class: "hidden" }, `, details of request ${first.number}`))
  const operation = element("span", { class: "operation" })
  const model = element("code", { class: "model" })
  const status = element("span", { class: "status" })
  const fault = element("span", {})
  const reason = element("p", { class: "reason" })
  const flow = element("progress", { class: "flow", "aria-label": "The answer is being sent" })
  const tail = element("p", { class: "tail" })
  const cells = {
    millis: cell("number", "Milliseconds"),
    input: cell("number", "Tokens in"),
    output: cell("number", "Tokens out"),
    events: cell("number", "Events"),
    attempt: cell("number", "Attempt")
  }
  const row = element(
    "tr",
    { class: "request new", role: "row" },
    element("th", { scope: "row", role: "rowheader" }, toggle),
    element("td", { class: "what", role: "cell" }, operation, model),
    element("td", { class: "outcome", role: "cell" }, status, fault, flow, reason, tail),
    cells.millis.cell,
    cells.input.cell,
    cells.output.cell,
    cells.events.cell,
    cells.attempt.cell
  )
  const content = element("td", { colspan: 8, role: "cell" })
  const details = element("tr", { id: detailId, class: "details", hidden: true, role: "row" }, content)
  body.prepend(row, details)

  let { millis: took } = first
  const showDetails = () =>
    Server.request(first.number).then(
      (detail) => replace(content, Detail.describe(detail)),
      () => content.replaceChildren(element("p", { class: "note" }, "The emulator no longer keeps this request."))
    )
  row.addEventListener("click", (event) => {
    // a text that is being selected is not a click
    if (event.target !== toggle && String(getSelection() ?? "") !== "") return
    details.hidden = !details.hidden
    toggle.setAttribute("aria-expanded", String(!details.hidden))
    if (!details.hidden) void showDetails()
  })

  return {
    update: (latest) => {
      took = latest.millis
      const flows = latest.outcome === "in-flight" && latest.status !== undefined
      setText(operation, latest.operation ?? "unknown")
      setText(model, latest.model ?? "")
      setText(status, statusOf(latest))
      status.className = `status ${classOf(latest)}`
      flow.hidden = !flows
      setText(reason, reasonOf(latest))
      setText(tail, flows ? latest.tail ?? "" : "")
      setText(cells.input.value, latest.inputTokens === undefined ? "" : Format.count(latest.inputTokens))
      setText(cells.output.value, latest.outputTokens === undefined ? "" : Format.count(latest.outputTokens))
      setText(cells.events.value, latest.events === 0 ? "" : Format.count(latest.events))
      setText(cells.attempt.value, latest.attempt === undefined ? "" : String(latest.attempt))
      setText(cells.millis.value, took === undefined ? "" : Format.count(took))
      fault.replaceChildren(...latest.faults.map((name) => element("span", { class: "fault-name" }, name)))
      if (!details.hidden) void showDetails()
    },
    tick: (now) => setText(cells.millis.value, Format.count(took ?? Math.max(0, now - first.receivedAt))),
    remove: () => {
      row.remove()
      details.remove()
    }
  }
}

/** Keeps what is open inside, and scrolled, while an answer flows. */
const replace = (/** @type {HTMLElement} */ content, /** @type {ReadonlyArray<Node>} */ nodes) => {
  const wasOpen = content.querySelector("details")?.open === true
  const tops = [...content.querySelectorAll("pre")].map(({ scrollTop }) => scrollTop)
  content.replaceChildren(...nodes)
  const headers = content.querySelector("details")
  if (headers !== null) headers.open = wasOpen
  for (const [index, pre] of content.querySelectorAll("pre").entries()) pre.scrollTop = tops[index] ?? 0
}

/** A cell whose label is shown where there is no room for the heads of columns. */
const cell = (/** @type {string} */ type, /** @type {string} */ label) => {
  const value = element("span", {})
  return { value, cell: element("td", { class: type, "data-label": label, role: "cell" }, value) }
}

/** @type {(entry: Entry) => string} */
const statusOf = ({ outcome, status }) => {
  if (outcome === "completed") return String(status ?? "")
  const word = outcome === "in-flight" ? (status === undefined ? "waiting" : "sending") : outcome
  return status === undefined ? word : `${status} ${word}`
}

/** @type {(entry: Entry) => string} */
const classOf = ({ outcome, refusal, status }) => {
  if (outcome === "in-flight") return "status-flight"
  if (outcome !== "completed") return "status-5"
  // a stream that failed has status 200
  return refusal !== undefined && status === 200 ? "status-5" : `status-${String(status).charAt(0)}`
}

/** Why it was refused or interrupted, in one line. */
const reasonOf = (/** @type {Entry} */ { events, outcome, refusal }) => {
  if (refusal !== undefined) return Format.refusal(refusal)
  return outcome === "aborted" ? `Stopped by the client after ${Format.count(events)} events` : ""
}

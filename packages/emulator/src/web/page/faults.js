/**
 * The pending faults, presets, and a form for others.
 */

/** @import { Fault, Pending } from "./server.js" */

import { element, find, setText } from "./element.js"
import * as FaultForm from "./faultForm.js"
import * as Format from "./format.js"
import * as Server from "./server.js"

/** @type {ReadonlyArray<readonly [name: string, fault: Fault]>} */
const presets = [
  ["Throttle everything, 10 s", { type: "throttle", lasting: "10 seconds" }],
  ["500s at 30 %", { type: "exception", exception: "InternalServerException", probability: 0.3 }],
  ["Slow tokens", { type: "slow", pause: "100 millis", upTo: "400 millis", times: "Infinity" }],
  ["Resets at 20 %", { type: "reset", probability: 0.2 }],
  // it must end by itself: this page may need a new connection to remove it
  ["Stalled connections, 10 s", { type: "stallConnection", lasting: "10 seconds" }]
]

/**
 * Connects the controls. `changed` is called after each change.
 *
 * @param {() => Promise<void>} changed
 */
export const start = async (changed) => {
  const act = async (/** @type {() => Promise<string>} */ action) => {
    const news = await action()
    find("fault-news", HTMLElement).textContent = news
    await changed()
  }
  const attempt = (/** @type {() => Promise<string>} */ action) => () =>
    act(action).catch((error) => {
      find("fault-news", HTMLElement).textContent = String(error.message)
    })
  const inject = (/** @type {Fault} */ fault) => async () => {
    const [id] = await Server.inject(fault)
    return `Fault ${id} waits.`
  }
  for (const [name, fault] of presets) {
    const button = element("button", { type: "button" }, name)
    button.addEventListener("click", attempt(inject(fault)))
    find("presets", HTMLElement).append(button)
  }
  remove = (id) =>
    attempt(async () => {
      await Server.removeFault(id)
      return `Fault ${id} was removed.`
    })()
  find("clear", HTMLButtonElement).addEventListener(
    "click",
    attempt(async () => {
      await Server.clearFaults()
      return "All faults were removed."
    })
  )
  const schema = await Server.faultSchema()
  FaultForm.fill(find("fault-form", HTMLFormElement), schema, (fault) => act(inject(fault)))
}

/** @type {(id: number) => void} */
let remove = () => {}

/** @type {Map<number, { item: HTMLLIElement, struck: HTMLElement }>} */
const items = new Map()

/** @param {ReadonlyArray<Pending>} pending */
export const show = (pending) => {
  const list = find("pending", HTMLElement)
  const current = new Set(pending.map(({ id }) => id))
  for (const [id, { item }] of items) {
    if (current.has(id)) continue
    // after removal by keyboard, the focus moves to the heading
    if (item.contains(document.activeElement)) find("clear", HTMLButtonElement).focus()
    item.remove()
    items.delete(id)
  }
  for (const { fault, id, struck } of pending) {
    let shown = items.get(id)
    if (shown === undefined) {
      shown = make(id, fault)
      items.set(id, shown)
      list.append(shown.item)
    }
    setText(shown.struck, `struck ${Format.count(struck)} ×`)
  }
  find("no-faults", HTMLElement).hidden = pending.length > 0
  find("clear", HTMLButtonElement).disabled = pending.length === 0
}

/** After a restart of the emulator. */
export const forget = () => {
  items.clear()
  find("pending", HTMLElement).replaceChildren()
}

/** @type {(id: number, fault: Fault) => { item: HTMLLIElement, struck: HTMLElement }} */
const make = (id, fault) => {
  const struck = element("span", { class: "struck" })
  const button = element("button", { type: "button", class: "quiet", "aria-label": `Remove fault ${id}` }, "Remove")
  button.addEventListener("click", () => remove(id))
  const item = element(
    "li",
    {},
    element(
      "div",
      { class: "fault-title" },
      element("span", { class: "fault-name" }, fault.type),
      element("span", { class: "note" }, `#${id}`),
      struck,
      button
    ),
    element("p", { class: "note" }, Format.conditions(fault).join(" · ") || "once")
  )
  return { item, struck }
}

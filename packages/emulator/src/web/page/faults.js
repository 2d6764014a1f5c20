/**
 * The pending faults, presets, and a form to add others and to change them.
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

/** The fault that the form changes; `undefined` when it adds one. */
/** @type {number | undefined} */
let editing

/** @type {FaultForm.Form | undefined} */
let form

/** @type {() => Promise<void>} */
let refresh = () => Promise.resolve()

/**
 * Connects the controls. `changed` is called after each change.
 *
 * @param {() => Promise<void>} changed
 */
export const start = (changed) => {
  refresh = changed
  for (const [name, fault] of presets) {
    const button = element("button", { type: "button" }, name)
    button.addEventListener("click", attempt(() => inject(fault)))
    find("presets", HTMLElement).append(button)
  }
  find("clear", HTMLButtonElement).addEventListener(
    "click",
    attempt(async () => {
      await Server.clearFaults()
      stopEditing()
      return "All faults were removed."
    })
  )
  find("fault-cancel", HTMLButtonElement).addEventListener("click", () => {
    stopEditing()
    find("adding-summary", HTMLElement).focus()
  })
}

/** Fills the form, by the faults that the emulator has. */
export const load = async () => {
  const schema = await Server.faultSchema()
  const old = find("fault-form", HTMLFormElement)
  // without the listeners of a former load
  const fresh = element("form", { id: "fault-form" })
  old.replaceWith(fresh)
  form = FaultForm.fill(fresh, schema, (fault) => act(() => put(fault)))
}

/** @type {(fault: unknown) => Promise<string>} */
const put = async (fault) => {
  if (editing === undefined) return inject(fault)
  const id = editing
  await Server.replaceFault(id, fault)
  stopEditing()
  items.get(id)?.item.remove()
  items.delete(id)
  return `Fault ${id} was changed, and begins anew.`
}

const inject = async (/** @type {unknown} */ fault) => {
  const [id] = await Server.inject(fault)
  return `Fault ${id} waits.`
}

const act = async (/** @type {() => Promise<string>} */ action) => {
  const news = await action()
  find("fault-news", HTMLElement).textContent = news
  await refresh()
}

const attempt = (/** @type {() => Promise<string>} */ action) => () =>
  act(action).catch((error) => {
    find("fault-news", HTMLElement).textContent = String(error.message)
  })

/** @type {(id: number, fault: Fault) => void} */
const edit = (id, fault) => {
  editing = id
  form?.edit(fault, `Change fault ${id}`)
  find("adding", HTMLDetailsElement).open = true
  setText(find("adding-title", HTMLElement), `Change fault ${id}`)
  find("fault-cancel", HTMLButtonElement).hidden = false
  find("fault-type", HTMLElement).focus()
}

const stopEditing = () => {
  editing = undefined
  form?.reset()
  setText(find("adding-title", HTMLElement), "Add a fault")
  find("fault-cancel", HTMLButtonElement).hidden = true
}

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
    if (editing === id) stopEditing()
  }
  for (const [index, { fault, id, struck }] of pending.entries()) {
    let shown = items.get(id)
    if (shown === undefined) {
      shown = make(id, fault)
      items.set(id, shown)
      list.insertBefore(shown.item, list.children[index] ?? null)
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
  const change = element("button", { type: "button", class: "quiet", "aria-label": `Edit fault ${id}` }, "Edit")
  change.addEventListener("click", () => edit(id, fault))
  const button = element("button", { type: "button", class: "quiet", "aria-label": `Remove fault ${id}` }, "Remove")
  button.addEventListener(
    "click",
    attempt(async () => {
      await Server.removeFault(id)
      return `Fault ${id} was removed.`
    })
  )
  const item = element(
    "li",
    {},
    element(
      "div",
      { class: "fault-title" },
      element("span", { class: "fault-name" }, fault.type),
      element("span", { class: "note" }, `#${id}`),
      struck,
      change,
      button
    ),
    element("p", { class: "note" }, Format.conditions(fault).join(" · ") || "once")
  )
  return { item, struck }
}

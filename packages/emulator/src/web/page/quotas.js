/**
 * A bar for each quota: used, reserved and remaining tokens.
 */

/** @import { Statistics } from "../../Statistics.ts" */

import { element, find, setText } from "./element.js"
import * as Format from "./format.js"

/** @type {Map<string, (quota: Statistics["quota"][string]) => void>} */
const bars = new Map()

/** @param {Statistics} seen */
export const show = ({ quota }) => {
  const list = find("quotas", HTMLElement)
  for (const [name, state] of Object.entries(quota)) {
    let update = bars.get(name)
    if (update === undefined) {
      const bar = make(name)
      list.append(bar.item)
      bars.set(name, update = bar.update)
    }
    update(state)
  }
  find("no-quotas", HTMLElement).hidden = bars.size > 0
}

/** After a restart of the emulator. */
export const forget = () => {
  bars.clear()
  find("quotas", HTMLElement).replaceChildren()
}

/** @param {string} name */
const make = (name) => {
  const spent = element("span", { class: "spent" })
  const reserved = element("span", { class: "reserved" })
  const bar = element("div", { class: "bar", role: "meter", "aria-label": name, "aria-valuemin": 0 }, spent, reserved)
  const left = element("span", { class: "left" })
  const facts = element("p", { class: "note" })
  const throttled = element("span", { class: "status" })
  const item = element(
    "li",
    {},
    element("div", { class: "quota-title" }, element("code", {}, name), throttled),
    bar,
    element("div", { class: "quota-left" }, left),
    facts
  )

  /** @param {Statistics["quota"][string]} quota */
  const update = (quota) => {
    const limit = quota.tokensPerMinute
    // the remaining tokens exclude the reserved ones
    const used = Math.max(0, limit - quota.left - quota.reserved)
    const share = (/** @type {number} */ tokens) => `${Math.min(100, Math.max(0, 100 * tokens / limit))}%`
    spent.style.width = share(used)
    reserved.style.width = share(quota.reserved)
    bar.classList.toggle("over", quota.left <= 0)
    const window = quota.windowMillis === 60_000 ? "minute" : Format.duration(quota.windowMillis)
    setText(left, `${Format.count(quota.left)} left of ${Format.count(limit)} per ${window}`)
    const state = [
      `${Format.count(used)} spent`,
      `${Format.count(quota.reserved)} reserved`,
      ...(quota.leftToday === undefined ? [] : [`${Format.count(quota.leftToday)} left today`]),
      ...(quota.peakOvershoot > 0 ? [`exceeded by up to ${Format.count(quota.peakOvershoot)}`] : []),
      `${Format.count(quota.used)} charged in all`
    ].join(" · ")
    setText(facts, state)
    bar.setAttribute("aria-valuemax", String(limit))
    bar.setAttribute("aria-valuenow", String(Math.min(limit, Math.round(used + quota.reserved))))
    bar.setAttribute("aria-valuetext", state)
    setText(throttled, `${Format.count(quota.throttled)} throttled`)
    throttled.classList.toggle("status-4", quota.throttled > 0)
  }

  return { item, update }
}

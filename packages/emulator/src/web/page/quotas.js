/**
 * A bar for each quota of each region: used, reserved and remaining tokens, or requests where only they are limited.
 */

/** @import { Statistics } from "../../Statistics.ts" */

import { element, find, setText } from "./element.js"
import * as Format from "./format.js"

/** @type {Map<string, { readonly item: HTMLElement, readonly update: (quota: Statistics["quota"][string]) => void }>} */
const bars = new Map()

/** @param {Statistics} seen */
export const show = ({ byRegion }) => {
  const list = find("quotas", HTMLElement)
  const regions = Object.entries(byRegion)
  const quotas = regions.flatMap(([region, { quota }]) =>
    Object.entries(quota).map(([name, state]) => ({ name: regions.length > 1 ? `${region}/${name}` : name, state }))
  )
  for (const { name, state } of quotas) {
    let bar = bars.get(name)
    if (bar === undefined) {
      bar = make(name)
      list.append(bar.item)
      bars.set(name, bar)
    }
    bar.update(state)
  }
  // quotas can be replaced while the emulator runs
  const names = new Set(quotas.map(({ name }) => name))
  for (const [name, { item }] of bars) {
    if (names.has(name)) continue
    item.remove()
    bars.delete(name)
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
    const inTokens = quota.tokensPerMinute !== undefined
    const limit = quota.tokensPerMinute ?? quota.requestsPerMinute ?? 0
    const rest = (inTokens ? quota.left : quota.requestsLeft) ?? 0
    const held = inTokens ? quota.reserved : 0
    // the remaining tokens exclude the reserved ones
    const used = Math.max(0, limit - rest - held)
    const share = (/** @type {number} */ part) => `${Math.min(100, Math.max(0, 100 * part / Math.max(1, limit)))}%`
    spent.style.width = share(used)
    reserved.style.width = share(held)
    bar.classList.toggle("over", rest <= 0)
    const window = quota.windowMillis === 60_000 ? "minute" : Format.duration(quota.windowMillis)
    const requests = quota.requestsPerMinute === undefined || quota.requestsLeft === undefined
      ? []
      : [`${Format.count(quota.requestsLeft)} of ${Format.count(quota.requestsPerMinute)} requests left per ${window}`]
    const tokens = inTokens ? [`${Format.count(rest)} left of ${Format.count(limit)} per ${window}`] : []
    setText(left, [...tokens, ...requests].join(" · "))
    const state = [
      ...(inTokens || quota.requestsPerMinute === undefined ? [`${Format.count(used)} spent`] : []),
      `${Format.count(quota.reserved)} reserved`,
      ...(quota.leftToday === undefined ? [] : [`${Format.count(quota.leftToday)} left today`]),
      ...(quota.peakOvershoot > 0 ? [`exceeded by up to ${Format.count(quota.peakOvershoot)}`] : []),
      `${Format.count(quota.used)} charged in all`
    ].join(" · ")
    setText(facts, state)
    bar.setAttribute("aria-valuemax", String(limit))
    bar.setAttribute("aria-valuenow", String(Math.min(limit, Math.round(used + held))))
    bar.setAttribute("aria-valuetext", state)
    setText(throttled, `${Format.count(quota.throttled)} throttled`)
    throttled.classList.toggle("status-4", quota.throttled > 0)
  }

  return { item, update }
}

/**
 * Each quota of each region: what is used, reserved and left now, and a chart of the last windows.
 */

/** @import { Statistics } from "../../Statistics.ts" */
/** @import { Past } from "../../quota/History.ts" */

import * as Chart from "./chart.js"
import { element, find, setText } from "./element.js"
import * as Format from "./format.js"

/**
 * @typedef {{
 *   readonly item: HTMLElement
 *   readonly update: (quota: Statistics["quota"][string], past: Past | undefined) => void
 * }} Gauge
 */

/** @type {Map<string, Gauge>} */
const gauges = new Map()

/**
 * @param {Statistics} seen
 * @param {Readonly<Record<string, Readonly<Record<string, Past>>>>} history
 */
export const show = ({ byRegion }, history) => {
  const list = find("quotas", HTMLElement)
  const regions = Object.entries(byRegion)
  const quotas = regions.flatMap(([region, { quota }]) =>
    Object.entries(quota).map(([name, state]) => ({
      name: regions.length > 1 ? `${region}/${name}` : name,
      state,
      past: history[region]?.[name]
    }))
  )
  for (const { name, past, state } of quotas) {
    let gauge = gauges.get(name)
    if (gauge === undefined) {
      gauge = make(name)
      list.append(gauge.item)
      gauges.set(name, gauge)
    }
    gauge.update(state, past)
  }
  // quotas can be replaced while the emulator runs
  const names = new Set(quotas.map(({ name }) => name))
  for (const [name, { item }] of gauges) {
    if (names.has(name)) continue
    item.remove()
    gauges.delete(name)
  }
  find("no-quotas", HTMLElement).hidden = gauges.size > 0
}

/** After a restart of the emulator. */
export const forget = () => {
  gauges.clear()
  find("quotas", HTMLElement).replaceChildren()
}

/** Whether its requests are nearer to their limit than its tokens, so that the bar is about them. */
const isTight = (/** @type {Statistics["quota"][string]} */ quota) => {
  const { left = 0, requestsLeft = 0, requestsPerMinute, tokensPerMinute } = quota
  if (requestsPerMinute === undefined || tokensPerMinute === undefined) return tokensPerMinute === undefined
  return requestsLeft / Math.max(1, requestsPerMinute) < left / Math.max(1, tokensPerMinute)
}

/** @type {(name: string) => Gauge} */
const make = (name) => {
  const spent = element("span", { class: "spent" })
  const reserved = element("span", { class: "reserved" })
  const bar = element("div", { class: "bar", role: "meter", "aria-label": name, "aria-valuemin": 0 }, spent, reserved)
  const left = element("p", { class: "left" })
  const facts = element("p", { class: "note" })
  const throttled = element("span", { class: "status" })
  const charts = element("div", { class: "charts" })
  const title = element("div", { class: "quota-title" }, element("code", {}, name), throttled)
  const item = element("li", {}, title, bar, left, charts, facts)

  /** @type {Gauge["update"]} */
  const update = (quota, past) => {
    const inTokens = quota.tokensPerMinute !== undefined
    const tight = isTight(quota)
    const limit = (tight ? quota.requestsPerMinute : quota.tokensPerMinute) ?? 0
    const rest = (tight ? quota.requestsLeft : quota.left) ?? 0
    const held = tight ? 0 : quota.reserved
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
    const tokens = inTokens
      ? [`${Format.count(quota.left ?? 0)} left of ${Format.count(quota.tokensPerMinute ?? 0)} per ${window}`]
      : []
    setText(left, [...tokens, ...requests].join(" · "))
    const state = [
      ...(tight ? [] : [`${Format.count(used)} spent`]),
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
    charts.replaceChildren(...(past?.limits ?? []).map((_, index) => Chart.draw(/** @type {Past} */ (past), index)))
  }

  return { item, update }
}

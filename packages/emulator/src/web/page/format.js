/**
 * Formats numbers, times and faults for display.
 */

/** @import { Fault } from "./server.js" */

const numbers = new Intl.NumberFormat("en")

const units = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 })

/** @type {(value: number) => string} */
export const count = (value) => numbers.format(Math.round(value))

/** @type {(value: number) => string} */
export const bytes = (value) => `${units.format(value).replace(/\D*$/, " $&B")}`

/** @type {(epochMillis: number) => string} */
export const timeOfDay = (epochMillis) => {
  const time = new Date(epochMillis)
  const clock = time.toLocaleTimeString("en-GB", { hour12: false })
  return `${clock}.${String(time.getMilliseconds()).padStart(3, "0")}`
}

/** @type {(value: unknown) => string} */
export const duration = (value) => {
  const millis = Number(value)
  if (!Number.isFinite(millis)) return String(value)
  if (millis < 1000) return `${Math.round(millis)} ms`
  const [size, unit] = millis < 60_000 ? [1000, "s"] : millis < 3_600_000 ? [60_000, "min"] : [3_600_000, "h"]
  return `${Number((millis / size).toFixed(1))} ${unit}`
}

/** The words of a camel-cased name: `afterEvents` is "After events". */
export const title = (/** @type {string} */ name) => {
  const words = name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)
  return words.charAt(0).toUpperCase() + words.slice(1)
}

/**
 * Short descriptions of a fault's fields besides its type.
 *
 * @param {Fault} fault
 * @returns {ReadonlyArray<string>}
 */
export const conditions = (fault) =>
  Object.entries(fault).filter(([name]) => name !== "type").map(([name, value]) => {
    switch (name) {
      case "operation":
      case "model":
      case "exception":
      case "code":
        return String(value)
      case "text":
        return `says “${value}”`
      case "attempt":
        return `try ${value}`
      case "times":
        return value === "Infinity" ? "without end" : `${value} ×`
      case "probability":
        return `${Number((Number(value) * 100).toFixed(1))} %`
      case "lasting":
        return `for ${duration(value)}`
      case "after":
        return `after ${duration(value)}`
      case "upTo":
        return `up to ${duration(value)}`
      case "bursts": {
        const bursts = /** @type {{ every: unknown, lasting: unknown }} */ (value)
        return `${duration(bursts.lasting)} in every ${duration(bursts.every)}`
      }
      case "duration":
      case "pause":
        return duration(value)
      case "retryAfter":
        return `retry after ${duration(value)}`
      default:
        return `${title(name).toLowerCase()} ${value}`
    }
  })

/**
 * A duration in the emulator's format: milliseconds, or a text such as `2 seconds`. Accepts `10s` and `200 ms` too.
 *
 * @param {string} text
 * @returns {number | string}
 */
export const parseDuration = (text) => {
  const [, amount, unit = ""] = /^\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*$/i.exec(text) ?? []
  if (amount === undefined) return text.trim()
  if (unit === "") return Number(amount)
  return `${amount} ${spelled[unit.toLowerCase()] ?? unit}`
}

/** @type {Readonly<Record<string, string>>} */
const spelled = { ms: "millis", s: "seconds", sec: "seconds", m: "minutes", min: "minutes", h: "hours" }

/**
 * Why a request was refused, in one line: the exception, its message, and the numbers of a quota.
 *
 * @param {import("../../Statistics.ts").Refusal} refusal
 */
export const refusal = ({ exception, message, quota, retryMillis }) =>
  [
    message === undefined ? exception : `${exception}: ${message.replace(/\.$/, "")}`,
    ...(quota === undefined ? [] : [
      `${count(quota.needed)} needed, ${count(Math.max(0, quota.left))} of ${count(quota.limit)} ${quota.unit} left`,
      ...(retryMillis === undefined ? [] : [`room in ${duration(retryMillis)}`])
    ])
  ].join(" · ")

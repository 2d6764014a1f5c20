/**
 * The form for a fault. Its fields come from the faults' JSON schema, so that it supports every fault of the emulator;
 * only their order and labels are defined here.
 */

/** @import { Fault } from "./server.js" */

import { element } from "./element.js"
import * as Format from "./format.js"

/**
 * The subset of JSON schema that faults use.
 *
 * @typedef {{
 *   readonly type?: string
 *   readonly enum?: ReadonlyArray<string>
 *   readonly anyOf?: ReadonlyArray<Property>
 *   readonly minimum?: number
 *   readonly maximum?: number
 *   readonly properties?: Readonly<Record<string, Property>>
 *   readonly required?: ReadonlyArray<string>
 * }} Property
 * @typedef {{ readonly anyOf: ReadonlyArray<Property> }} FaultSchema
 */

/**
 * One field: `read` returns its value as JSON, `undefined` when it is empty.
 *
 * @typedef {{ readonly name: string, readonly element: HTMLElement, readonly read: () => unknown }} Field
 */

/** @type {Readonly<Record<string, Readonly<Record<string, string>>>>} */
const meanings = {
  "Instead of an answer": {
    throttle: "429 ThrottlingException.",
    exception: "Any exception, with its usual status.",
    stall: "The request is accepted and never answered; after some events, a stream stalls.",
    reset: "The connection drops; after some bytes, in the middle of the answer.",
    resetStream: "The HTTP/2 stream alone ends, by RST_STREAM.",
    halfOpen: "The connection is no longer read, written or closed.",
    goaway: "The connection accepts no further requests; with a code, not even this one."
  },
  "With the answer": {
    latency: "The response is delayed.",
    garbage: "A body that is not a response of the service.",
    emptyBody: "200 and nothing.",
    contentType: "The right body with a wrong content type.",
    half: "Only a part of the body.",
    huge: "A chat model answers with megabytes of text."
  },
  "Inside a stream": {
    slow: "A pause before each event but the first.",
    truncateStream: "It ends normally, too early.",
    streamException: "An exception frame.",
    errorFrame: "An error frame.",
    corruptFrame: "A frame has a wrong checksum, or half of its JSON.",
    missingEnd: "A stream of OpenAI's dialect lacks what tells its end."
  },
  "Batch jobs": {
    jobFailure: "It fails when it is validated.",
    jobExpiry: "It expires at its timeout, with a part of its records done.",
    jobPartial: "It is partially completed.",
    jobStop: "It is stopped in the middle.",
    recordErrors: "Records get an error instead of an answer.",
    missingRecords: "Answers are left out of the output.",
    doubledRecords: "Answers are written twice.",
    foreignRecords: "Answers under ids that no record has."
  },
  "New connections, including this page's": {
    refuseConnection: "Closed at once, by a reset.",
    stallConnection: "Accepted, and never served."
  }
}

const matchers = ["operation", "model", "region", "text", "attempt"]

const occasions = ["times", "probability", "lasting"]

const rarely = ["skip", "after", "every", "burst", "seed"]

/** @type {Readonly<Record<string, readonly [label: string, placeholder?: string]>>} */
const words = {
  operation: ["Operation"],
  model: ["Model", "any"],
  region: ["Region", "any"],
  text: ["Text in the body", "any"],
  attempt: ["Only this try", "every"],
  times: ["Times", "1, or ∞"],
  probability: ["Probability", "0 to 1"],
  lasting: ["For", "10 seconds"],
  skip: ["Spare the first", "0"],
  after: ["Not before", "2 seconds"],
  every: ["In every", "1 second"],
  burst: ["Only for", "200 ms"],
  seed: ["Seed", "its number"],
  duration: ["Duration", "500 ms"],
  pause: ["Pause", "200 ms"],
  upTo: ["Up to", "the same"],
  retryAfter: ["Retry after", "none"],
  status: ["Status", "200"],
  fraction: ["Fraction", "0.5"],
  megabytes: ["Megabytes", "10"],
  count: ["Records", "1"],
  errorCode: ["Error code", "400"],
  errorMessage: ["Error message", "bad request"]
}

/**
 * Fills the form, and calls `submit` with its fault. Errors of `submit` are shown.
 *
 * @param {HTMLFormElement} form
 * @param {FaultSchema} schema
 * @param {(fault: Fault) => Promise<unknown>} submit
 */
export const fill = (form, schema, submit) => {
  const byType = new Map(schema.anyOf.map((kind) => [kind.properties?.["type"]?.enum?.[0] ?? "", kind]))
  const type = element(
    "select",
    { id: "fault-type", "aria-describedby": "fault-meaning" },
    ...optionsOf([...byType.keys()])
  )
  const meaning = element("p", { id: "fault-meaning", class: "note" })
  const fieldsets = element("div")
  const problem = element("p", { class: "problem", role: "alert" })
  /** @type {ReadonlyArray<Field>} */
  let fields = []

  const choose = () => {
    const kind = byType.get(type.value)
    const described = Object.values(meanings).find((group) => type.value in group)?.[type.value]
    meaning.textContent = described ?? ""
    const { bursts, type: _, ...properties } = kind?.properties ?? {}
    /** @type {Readonly<Record<string, Property | undefined>>} */
    const all = { ...properties, every: bursts && durationOf, burst: bursts && durationOf }
    const common = new Set([...matchers, ...occasions, ...rarely])
    const own = Object.keys(properties).filter((name) => !common.has(name))
    const make = (/** @type {ReadonlyArray<string>} */ names) =>
      names.flatMap((name) => {
        const property = all[name]
        return property === undefined ? [] : [fieldOf(name, property, kind?.required?.includes(name) ?? false)]
      })
    const [what, which, when, rare] = [make(own), make(matchers), make(occasions), make(rarely)]
    fields = [...what, ...which, ...when, ...rare]
    fieldsets.replaceChildren(
      ...fieldset("What", what),
      ...fieldset("Which requests", which),
      ...fieldset("How often", when),
      element("details", {}, element("summary", {}, "More"), element("div", { class: "fields" }, ...elementsOf(rare)))
    )
  }

  type.addEventListener("change", choose)
  form.addEventListener("submit", async (event) => {
    event.preventDefault()
    problem.textContent = ""
    try {
      await submit(read(type.value, fields))
    } catch (error) {
      problem.textContent = error instanceof Error ? error.message : String(error)
    }
  })
  form.replaceChildren(
    labelled("Type", type),
    meaning,
    fieldsets,
    problem,
    element("button", { type: "submit", class: "primary" }, "Add this fault")
  )
  choose()
}

/** @type {(types: ReadonlyArray<string>) => ReadonlyArray<HTMLElement>} */
const optionsOf = (types) => {
  const known = Object.values(meanings).flatMap((group) => Object.keys(group))
  const groups = [
    ...Object.entries(meanings).map(([name, group]) => ({ name, types: types.filter((type) => type in group) })),
    { name: "Others", types: types.filter((type) => !known.includes(type)) }
  ]
  return groups.filter(({ types }) => types.length > 0).map(({ name, types }) =>
    element("optgroup", { label: name }, ...types.map((type) => element("option", {}, type)))
  )
}

/** @type {(type: string, fields: ReadonlyArray<Field>) => Fault} */
const read = (type, fields) => {
  const { burst, every, ...values } = Object.fromEntries(
    fields.map(({ name, read }) => [name, read()]).filter(([, value]) => value !== undefined)
  )
  // an incomplete pair is sent too: the emulator reports what is missing
  const bursts = every === undefined && burst === undefined ? undefined : { bursts: { every, lasting: burst } }
  return { type, ...values, ...bursts }
}

/** @type {(legend: string, fields: ReadonlyArray<Field>) => ReadonlyArray<HTMLElement>} */
const fieldset = (legend, fields) =>
  fields.length === 0
    ? []
    : [
      element("fieldset", {}, element("legend", {}, legend), element("div", { class: "fields" }, ...elementsOf(fields)))
    ]

/** @type {(fields: ReadonlyArray<Field>) => ReadonlyArray<HTMLElement>} */
const elementsOf = (fields) => fields.map(({ element }) => element)

/** @type {(text: string, control: HTMLElement) => HTMLElement} */
const labelled = (text, control) =>
  element("div", { class: "field" }, element("label", { for: control.id }, text), control)

/** @type {Property} */
const durationOf = { anyOf: [{ type: "number" }, { type: "string" }] }

/**
 * The control for a property, by its type: a choice, a boolean, a number, a duration or a text.
 *
 * @type {(name: string, property: Property, required: boolean) => Field}
 */
const fieldOf = (name, property, required) => {
  const [label, placeholder] = words[name] ?? [Format.title(name)]
  const kinds = (property.anyOf ?? [property]).filter(({ type }) => type !== "null")
  const [kind = {}] = kinds
  const id = `fault-${name}`

  if (kind.type === "boolean") {
    const input = element("input", { type: "checkbox", id })
    return { name, element: labelled(label, input), read: () => input.checked || undefined }
  }
  if (kind.type === "string" && kind.enum !== undefined) {
    const blank = required ? [] : [element("option", { value: "" }, name === "operation" ? "any" : "default")]
    const select = element("select", { id }, ...blank, ...kind.enum.map((value) => element("option", {}, value)))
    if (kind.enum.includes("InternalServerException")) select.value = "InternalServerException"
    return { name, element: labelled(label, select), read: () => select.value || undefined }
  }
  const isNumber = kinds.some(({ type }) => type === "number")
  const isText = kinds.some(({ enum: words, type }) => type === "string" && words === undefined)
  const { parse, pattern, title } = inputs[isNumber ? (isText ? "duration" : "number") : "text"]
  const input = element("input", {
    type: "text",
    id,
    placeholder,
    required,
    autocomplete: "off",
    spellcheck: "false",
    // a seed looks like a duration, but may be any text
    ...(name === "seed" ? undefined : { pattern, title })
  })
  return {
    name,
    element: labelled(label, input),
    read: () => input.value.trim() === "" ? undefined : parse(input.value)
  }
}

const parseNumber = (/** @type {string} */ text) => {
  if (text.trim() === "∞") return "Infinity"
  return text.trim().endsWith("%") ? parseFloat(text) / 100 : Number(text)
}

/** @satisfies {Record<string, { parse: (text: string) => unknown, pattern?: string | undefined, title?: string | undefined }>} */
const inputs = {
  text: { parse: String, pattern: undefined, title: undefined },
  number: { parse: parseNumber, pattern: String.raw`\s*(\d+(\.\d+)?(\s*%)?|\.\d+|∞)\s*`, title: "A number, or ∞" },
  duration: {
    parse: Format.parseDuration,
    pattern: String.raw`\s*\d+(\.\d+)?\s*(ms|s|sec|m|min|h|(nano|micro|milli|second|minute|hour|day|week)s?)?\s*`,
    title: "A time such as 500 ms, 10 s or 2 minutes"
  }
}

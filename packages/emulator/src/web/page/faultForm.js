/**
 * The form for a fault, to add one or to change one. Its fields come from the faults' JSON schema, so that it supports
 * every fault of the emulator; only their order and labels are defined in the page. The same fault can be written as JSON.
 */

/** @import { Fault, Problem } from "./server.js" */

import { element } from "./element.js"
import { matchers, meanings, occasions, rarely, words } from "./faultWords.js"
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
 * One field: `read` returns its value as JSON, `undefined` when it is empty; `write` sets it; `tell` shows what is wrong
 * with it, and nothing for an empty text.
 *
 * @typedef {{
 *   readonly name: string
 *   readonly element: HTMLElement
 *   readonly read: () => unknown
 *   readonly write: (value: unknown) => void
 *   readonly tell: (problem: string) => void
 * }} Field
 */

/**
 * The form: `edit` fills it with a fault, under a label for its button; `reset` empties it.
 *
 * @typedef {{ readonly edit: (fault: Fault, action: string) => void, readonly reset: () => void }} Form
 */

/**
 * Fills the form, and calls `submit` with its fault. What is wrong, by the errors of `submit`, is shown at the fields.
 *
 * @type {(form: HTMLFormElement, schema: FaultSchema, submit: (fault: unknown) => Promise<unknown>) => Form}
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
  const asJson = element("input", { type: "checkbox", id: "fault-as-json" })
  const json = element("textarea", { id: "fault-json", rows: 8, spellcheck: "false" })
  const jsonField = element("div", { class: "field", hidden: true }, element("label", { for: json.id }, "Fault"), json)
  const spelled = element("div", {}, labelled("Type", type), meaning, fieldsets)
  const button = element("button", { type: "submit", class: "primary" })
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
      element(
        "details",
        { id: "fault-more" },
        element("summary", {}, "More"),
        element("div", { class: "fields" }, ...elementsOf(rare))
      )
    )
  }

  const write = (/** @type {Fault} */ fault) => {
    if (byType.has(fault.type)) type.value = fault.type
    choose()
    const { bursts, ...values } = fault
    const { every, lasting: burst } = /** @type {{ every?: unknown, lasting?: unknown }} */ (bursts ?? {})
    const given = { ...values, every, burst }
    for (const field of fields) field.write(Reflect.get(given, field.name))
    const more = fieldsets.querySelector("details")
    if (more !== null) more.open = rarely.some((name) => Reflect.get(given, name) !== undefined)
  }

  const showJson = () => {
    jsonField.hidden = !asJson.checked
    spelled.hidden = asJson.checked
    // hidden fields would keep the form from being sent
    for (const control of spelled.querySelectorAll("input, select")) {
      Reflect.set(control, "disabled", asJson.checked)
    }
  }

  const tell = (/** @type {string} */ message, /** @type {ReadonlyArray<Problem>} */ problems) => {
    const shown = asJson.checked ? [] : problems.flatMap((found) => {
      const field = fields.find(({ name }) => name === fieldNameOf(found.path))
      field?.tell(found.message)
      return field === undefined ? [] : [{ ...found, field }]
    })
    shown[0]?.field.element.closest("details")?.setAttribute("open", "")
    shown[0]?.field.element.querySelector("input")?.focus()
    problem.textContent = shown.length > 0 && shown.length === problems.length
      ? shown.map(({ field, message }) => `${labelOf(field.name)}: ${message}`).join("\n")
      : message
  }

  const reset = () => {
    button.textContent = "Add this fault"
    problem.textContent = ""
    json.value = ""
    asJson.checked = false
    showJson()
    choose()
  }

  type.addEventListener("change", choose)
  asJson.addEventListener("change", () => {
    try {
      if (asJson.checked) json.value = JSON.stringify(read(type.value, fields), null, 2)
      else if (json.value.trim() !== "") write(JSON.parse(json.value))
      problem.textContent = ""
    } catch (error) {
      asJson.checked = true
      problem.textContent = messageOf(error)
    }
    showJson()
  })
  form.addEventListener("submit", async (event) => {
    event.preventDefault()
    problem.textContent = ""
    for (const field of fields) field.tell("")
    try {
      await submit(asJson.checked ? JSON.parse(json.value) : read(type.value, fields))
    } catch (error) {
      tell(messageOf(error), /** @type {{ problems?: ReadonlyArray<Problem> }} */ (error).problems ?? [])
    }
  })
  form.replaceChildren(
    element("label", { class: "check" }, asJson, "As JSON"),
    spelled,
    jsonField,
    problem,
    button
  )
  reset()
  return {
    reset,
    edit: (fault, action) => {
      reset()
      button.textContent = action
      write(fault)
    }
  }
}

/** @type {(error: unknown) => string} */
const messageOf = (error) => error instanceof Error ? error.message : String(error)

/** The field of a path in a fault: `bursts.every` is the field `every`. */
const fieldNameOf = (/** @type {string} */ path) => {
  if (path === "bursts.lasting") return "burst"
  return path.startsWith("bursts") ? "every" : path.split(/[.[]/)[0] ?? ""
}

const labelOf = (/** @type {string} */ name) => words[name]?.[0] ?? Format.title(name)

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
  const placeholder = words[name]?.[1]
  const label = labelOf(name)
  const kinds = (property.anyOf ?? [property]).filter(({ type }) => type !== "null")
  const [kind = {}] = kinds
  const id = `fault-${name}`

  if (kind.type === "boolean") {
    const input = element("input", { type: "checkbox", id })
    return {
      ...shell(name, label, input),
      read: () => input.checked || undefined,
      write: (value) => input.checked = value === true
    }
  }
  if (kind.type === "string" && kind.enum !== undefined) {
    const blank = required ? [] : [element("option", { value: "" }, name === "operation" ? "any" : "default")]
    const select = element("select", { id }, ...blank, ...kind.enum.map((value) => element("option", {}, value)))
    if (kind.enum.includes("InternalServerException")) select.value = "InternalServerException"
    const initial = select.value
    return {
      ...shell(name, label, select),
      read: () => select.value || undefined,
      write: (value) => select.value = value === undefined ? initial : String(value)
    }
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
    ...shell(name, label, input),
    read: () => input.value.trim() === "" ? undefined : parse(input.value),
    write: (value) => {
      input.value = value === undefined
        ? ""
        : value === "Infinity"
        ? "∞"
        : isNumber && isText
        ? timeOf(value)
        : String(value)
    }
  }
}

/** A duration as it is typed: the emulator has milliseconds. */
const timeOf = (/** @type {unknown} */ value) => typeof value === "number" ? Format.duration(value) : String(value)

/**
 * The control with its label and the place of its problem.
 *
 * @type {(name: string, label: string, control: HTMLElement) => Pick<Field, "name" | "element" | "tell">}
 */
const shell = (name, label, control) => {
  const note = element("p", { id: `${control.id}-problem`, class: "problem" })
  const shown = labelled(label, control)
  shown.append(note)
  control.setAttribute("aria-describedby", note.id)
  return {
    name,
    element: shown,
    tell: (problem) => {
      note.textContent = problem
      control.setAttribute("aria-invalid", String(problem !== ""))
    }
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

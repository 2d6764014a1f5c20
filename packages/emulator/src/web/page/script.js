/**
 * The script that answers: read, edited and put in force, with what is wrong in it.
 */

/** @import { Problem } from "./server.js" */

import { element, find, setText } from "./element.js"
import * as Server from "./server.js"

/** The text as it was read last; a text that differs is being edited. */
let read = ""

/** @type {HTMLTextAreaElement} */
let area

/** @type {Readonly<Record<string, unknown>>} */
const examples = {
  "a text": { when: { text: "weather" }, answer: "It rains in Oslo." },
  "a tool call": {
    when: { text: "weather", call: 1 },
    answer: { parts: [{ tool: "get_weather", input: { city: "Oslo" } }] }
  },
  "a slow stream": {
    when: { operation: "stream" },
    answer: { chunks: ["One ", "word ", "after ", "the ", "other."], interval: "400 millis" }
  },
  "an error": { when: { text: "fail" }, answer: { error: { exception: "ModelTimeoutException" } } }
}

/** Connects the controls. */
export const start = () => {
  area = find("script-text", HTMLTextAreaElement)
  area.addEventListener("input", edited)
  find("script-form", HTMLFormElement).addEventListener("submit", (event) => {
    event.preventDefault()
    void put()
  })
  find("script-revert", HTMLButtonElement).addEventListener("click", () => void load())
  const menu = find("script-examples", HTMLSelectElement)
  menu.append(...Object.keys(examples).map((name) => element("option", { value: name }, name)))
  menu.addEventListener("change", () => {
    add(examples[menu.value])
    menu.value = ""
  })
}

/** Reads the script in force, over an edited text too. */
export const load = async () => {
  try {
    area.value = read = print(await Server.script())
    tell("", [], "")
  } catch (error) {
    tell(String(/** @type {Error} */ (error).message), [], "")
  }
  edited()
}

const put = async () => {
  let script
  try {
    script = JSON.parse(area.value)
  } catch (error) {
    return tell("Not valid JSON", [{ path: "", message: String(/** @type {Error} */ (error).message) }], "")
  }
  try {
    area.value = read = print(await Server.setScript(script))
    tell("The script is in force. Calls are counted from 1 again.", [], "")
  } catch (error) {
    const { message, problems = [], remedy = "" } = /** @type {Server.Refusal} */ (error)
    tell(problems.length === 0 ? message : "The script was refused.", problems, remedy)
  }
  edited()
}

/** Adds a rule before the others. */
const add = (/** @type {unknown} */ rule) => {
  if (rule === undefined) return
  try {
    const script = JSON.parse(area.value)
    const rules = Array.isArray(script.rules) ? script.rules : []
    const { answers: _, ...others } = Array.isArray(script) ? {} : script
    area.value = print({ ...others, rules: [rule, ...rules] })
    tell("The rule was added above. It is not in force yet.", [], "")
  } catch {
    tell("Correct the JSON before you add a rule.", [], "")
  }
  edited()
}

const edited = () => {
  const differs = area.value !== read
  find("script-put", HTMLButtonElement).disabled = !differs
  find("script-revert", HTMLButtonElement).disabled = !differs
}

/** @type {(news: string, problems: ReadonlyArray<Problem>, remedy: string) => void} */
const tell = (news, problems, remedy) => {
  area.setAttribute("aria-invalid", String(problems.length > 0))
  setText(find("script-news", HTMLElement), news)
  find("script-problems", HTMLElement).replaceChildren(
    ...problems.map(({ message, path }) =>
      element("li", {}, ...(path === "" ? [] : [element("code", {}, path), ": "]), message)
    )
  )
  setText(find("script-remedy", HTMLElement), remedy)
}

const print = (/** @type {unknown} */ script) => JSON.stringify(script, null, 2)

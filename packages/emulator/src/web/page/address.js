/**
 * The emulator's address, and the lines to paste into a program.
 */

/** @import { Client } from "../Admin.ts" */

import { element, find } from "./element.js"
import { snippets } from "./snippets.js"

/** @typedef {keyof typeof snippets} Language */

const languages = /** @type {ReadonlyArray<Language>} */ (Object.keys(snippets))

/** @type {Language} */
let chosen = "Shell"

/**
 * Shows it; expanded until the first request.
 *
 * @param {Client} client
 * @param {boolean} open
 */
export const show = (client, open) => {
  const endpoint = location.origin
  find("address", HTMLDetailsElement).open = open
  find("endpoint", HTMLElement).textContent = endpoint
  find("secrets", HTMLElement).textContent = client.credentials === undefined || client.apiKey === undefined
    ? "Replace the values in <brackets> by those given to the emulator, which it does not reveal."
    : "The keys are the examples of AWS's documentation and work with an emulator only."
  const snippet = find("snippet", HTMLPreElement)
  const choose = (/** @type {Language} */ language) => {
    chosen = language
    snippet.textContent = snippets[language](endpoint, client)
  }
  find("languages", HTMLElement).replaceChildren(...languages.map((language) => {
    const input = element("input", { type: "radio", name: "language", checked: language === chosen })
    input.addEventListener("change", () => choose(language))
    return element("label", {}, input, element("span", {}, language))
  }))
  choose(chosen)
}

/** Connects the button that copies the lines. */
export const start = () => {
  const copy = find("copy", HTMLButtonElement)
  const snippet = find("snippet", HTMLPreElement)
  const say = (/** @type {string} */ word) => {
    copy.textContent = word
    setTimeout(() => copy.textContent = "Copy", 1_500)
  }
  copy.addEventListener("click", () => {
    // browsers may refuse the clipboard, and disable it on pages that come neither from localhost nor over TLS
    const copied = navigator.clipboard?.writeText(snippet.textContent ?? "") ?? Promise.reject()
    copied.then(
      () => say("Copied"),
      () => {
        getSelection()?.selectAllChildren(snippet)
        say("Selected")
      }
    )
  })
}

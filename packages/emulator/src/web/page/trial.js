/**
 * Sends a request to a model from this page, as a program would, so that its row appears.
 */

/** @import { Client } from "../Admin.ts" */

import { find } from "./element.js"

const path = `/model/${encodeURIComponent("amazon.nova-lite-v1:0")}`

const hello = { messages: [{ role: "user", content: [{ text: "Hello, emulator. Please answer this test request." }] }] }

/** @type {Readonly<Record<string, readonly [path: string, body: unknown]>>} */
const kinds = {
  "try-whole": [`${path}/converse`, hello],
  "try-stream": [`${path}/converse-stream`, hello],
  "try-refused": [`${path}/converse`, { messages: [{ role: "user", content: [{ text: " " }] }] }]
}

/** @type {string | undefined} */
let apiKey

/**
 * Which key it sends; without one the page asks for it.
 *
 * @param {Client} client
 */
export const show = (client) => {
  apiKey = client.apiKey
  find("try-key", HTMLElement).hidden = apiKey !== undefined
}

/**
 * Says what answers.
 *
 * @param {import("../Backend.ts").Overview["answers"]} answers
 */
export const answering = (answers) => {
  find("try-cost", HTMLElement).hidden = answers !== "recorder"
}

/**
 * Connects the buttons. `changed` is called when an answer begins, and when it ended.
 *
 * @param {() => Promise<void>} changed
 */
export const start = (changed) => {
  const outcome = find("try-outcome", HTMLElement)
  for (const [id, [path, body]] of Object.entries(kinds)) {
    find(id, HTMLButtonElement).addEventListener("click", async () => {
      outcome.textContent = "Sent. Waiting for the answer."
      try {
        const response = await fetch(path, {
          method: "POST",
          headers: {
            authorization: `Bearer ${apiKey ?? find("try-key-value", HTMLInputElement).value.trim()}`,
            "content-type": "application/json"
          },
          body: JSON.stringify(body)
        })
        void changed()
        await response.arrayBuffer()
        outcome.textContent = `The answer has status ${response.status}. Its row is in the table of requests.`
      } catch {
        outcome.textContent = "The connection broke before the answer ended."
      }
      await changed()
    })
  }
}

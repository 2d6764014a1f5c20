/**
 * Capture of bodies, the recording to download, and what a replay was asked for without having it.
 */

/** @import { Overview } from "../Backend.ts" */

import { element, find, setText } from "./element.js"
import * as Format from "./format.js"
import * as Server from "./server.js"

/**
 * Connects the switch. `changed` is called after each change.
 *
 * @param {() => Promise<void>} changed
 */
export const start = (changed) => {
  const capture = find("capture", HTMLInputElement)
  capture.addEventListener("change", async () => {
    const on = capture.checked
    try {
      await Server.setCapture(on)
      setText(find("capture-news", HTMLElement), on ? "Bodies are kept from now on." : "All bodies were dropped.")
    } catch (error) {
      setText(find("capture-news", HTMLElement), String(/** @type {Error} */ (error).message))
    }
    await changed()
  })
}

/** @param {Overview} overview */
export const show = ({ capture, recording, replay }) => {
  const input = find("capture", HTMLInputElement)
  if (document.activeElement !== input || input.checked !== capture.on) input.checked = capture.on
  find("capture-warning", HTMLElement).classList.toggle("warning", capture.on)
  setText(
    find("captured", HTMLElement),
    capture.on ? `${Format.bytes(capture.bytes)} kept, at most ${Format.bytes(2 * capture.maxBytes)}.` : ""
  )
  const { exchanges, source } = recording
  const link = find("download", HTMLAnchorElement)
  link.hidden = exchanges === 0
  setText(link, `Download the recording (${Format.count(exchanges)})`)
  setText(
    find("recorded", HTMLElement),
    source === "recorder"
      ? `${Format.count(exchanges)} exchanges were recorded.`
      : source === "none"
      ? "Nothing is recorded: turn capture on, or start with --record."
      : exchanges === 0
      ? "Requests from now on can be downloaded as a recording."
      : `What is captured can be replayed: --replay recording.json`
  )
  showReplay(replay)
}

/** @param {Overview["replay"]} replay */
const showReplay = (replay) => {
  find("replay", HTMLElement).hidden = replay === undefined
  if (replay === undefined) return
  const { latest, unmatched, unused } = replay
  setText(
    find("replay-state", HTMLElement),
    `${Format.count(unmatched)} requests without a recording · ${Format.count(unused)} recordings not requested`
  )
  find("divergences", HTMLElement).replaceChildren(...latest.map(({ message, model, operation = "unknown" }) =>
    element(
      "li",
      {},
      element("strong", {}, operation),
      " ",
      element("code", {}, model ?? ""),
      element("p", { class: "problem" }, message)
    )
  ))
}

/**
 * The batch jobs: their state, their counts and their progress, and a button that stops one.
 */

/** @import { Job } from "./server.js" */

import { element, find, setText } from "./element.js"
import * as Format from "./format.js"
import * as Server from "./server.js"

/** @type {Map<string, { readonly item: HTMLElement, readonly update: (job: Job) => void }>} */
const items = new Map()

/** @param {ReadonlyArray<Job>} jobs */
export const show = (jobs) => {
  const list = find("batch-list", HTMLElement)
  for (const job of jobs.toReversed()) {
    let shown = items.get(job.jobArn)
    if (shown === undefined) {
      shown = make(job)
      items.set(job.jobArn, shown)
      list.prepend(shown.item)
    }
    shown.update(job)
  }
  const current = new Set(jobs.map(({ jobArn }) => jobArn))
  for (const [arn, { item }] of items) {
    if (current.has(arn)) continue
    item.remove()
    items.delete(arn)
  }
  find("batches", HTMLElement).hidden = jobs.length === 0
}

/** After a restart of the emulator. */
export const forget = () => {
  items.clear()
  find("batch-list", HTMLElement).replaceChildren()
}

const over = new Set(["Completed", "Failed", "Stopped", "PartiallyCompleted", "Expired"])

/** @type {Readonly<Record<string, string>>} */
const classes = { Completed: "status-2", PartiallyCompleted: "status-4", Failed: "status-5", Expired: "status-5" }

/** @param {Job} first */
const make = (first) => {
  const status = element("span", { class: "status" })
  const stop = element("button", { type: "button", "aria-label": `Stop the job ${first.jobName}` }, "Stop")
  const progress = element("progress", { "aria-label": `Progress of ${first.jobName}` })
  const counts = element("p", { class: "note" })
  const message = element("p", { class: "problem" })
  stop.addEventListener("click", () => {
    stop.disabled = true
    Server.stopBatch(first.jobArn.slice(first.jobArn.lastIndexOf("/") + 1)).catch((error) => {
      setText(message, error.message)
    })
  })
  const item = element(
    "li",
    {},
    element("div", { class: "fault-title" }, element("strong", {}, first.jobName), status, stop),
    element("p", { class: "note" }, element("code", {}, first.modelId)),
    progress,
    counts,
    message
  )
  /** @param {Job} job */
  const update = (job) => {
    const { errorRecordCount: errors = 0, processedRecordCount: done = 0, totalRecordCount: total } = job
    setText(status, job.status)
    status.className = `status ${classes[job.status] ?? ""}`
    if (total === undefined) progress.removeAttribute("value")
    else {
      progress.max = Math.max(1, total)
      progress.value = done
    }
    progress.hidden = over.has(job.status) && total === undefined
    const submitted = `submitted ${Format.timeOfDay(Date.parse(job.submitTime)).slice(0, 8)}`
    const records = total === undefined
      ? "its records are not counted yet"
      : `${Format.count(done)} of ${Format.count(total)} records, ${Format.count(errors)} with an error`
    setText(counts, `${records} · ${submitted}`)
    if (job.message !== undefined) setText(message, job.message)
    stop.hidden = over.has(job.status)
    if (job.status === "Stopping") stop.disabled = true
  }
  return { item, update }
}

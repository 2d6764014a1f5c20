/**
 * The emulator's page: polls once a second while it is visible.
 */

import * as Address from "./address.js"
import * as Counters from "./counters.js"
import { find, setText } from "./element.js"
import * as Faults from "./faults.js"
import * as Quotas from "./quotas.js"
import * as Requests from "./requests.js"
import * as Server from "./server.js"

const interval = 1_000

let paused = false

let seen = { startedAt: 0, revision: 0 }

const refresh = async () => {
  try {
    const log = await newRequests()
    const statistics = await Server.statistics()
    const faults = await Server.faults()
    Requests.show(log)
    Counters.show(statistics)
    Quotas.show(statistics)
    Faults.show(faults)
    report(paused ? "Paused" : "Live")
  } catch {
    report("Not reachable")
  }
}

/** The changes since the last poll; everything, after a restart of the emulator. */
const newRequests = async () => {
  const log = await Server.requests(seen.revision)
  const isSame = log.startedAt === seen.startedAt
  const news = isSame || seen.revision === 0 ? log : await Server.requests(0)
  if (!isSame) {
    Requests.forget()
    Quotas.forget()
    Faults.forget()
  }
  seen = { startedAt: news.startedAt, revision: Math.max(isSame ? seen.revision : 0, news.revision) }
  return news
}

/** @param {"Live" | "Paused" | "Not reachable"} state */
const report = (state) => {
  const connection = find("connection", HTMLElement)
  setText(connection, state)
  connection.dataset["state"] = state
}

const tick = async () => {
  if (!paused && !document.hidden) await refresh()
  setTimeout(tick, interval)
}

const pause = find("pause", HTMLButtonElement)
pause.addEventListener("click", () => {
  paused = !paused
  pause.setAttribute("aria-pressed", String(paused))
  if (paused) report("Paused")
  else void refresh()
})

document.addEventListener("visibilitychange", () => {
  if (!paused && !document.hidden) void refresh()
})

const start = async () => {
  await refresh()
  try {
    Address.show(await Server.client(), seen.revision === 0)
    await Faults.start(refresh)
  } catch {
    // the page needs these: start again
    setTimeout(() => location.reload(), 3 * interval)
    return report("Not reachable")
  }
  setTimeout(tick, interval)
}

void start()

/**
 * The emulator's page: polls once a second while it is visible, and more often while an answer flows.
 */

import * as Address from "./address.js"
import * as Batches from "./batches.js"
import * as Counters from "./counters.js"
import { find, setText } from "./element.js"
import * as Faults from "./faults.js"
import * as News from "./news.js"
import * as Quotas from "./quotas.js"
import * as Recording from "./recording.js"
import * as Requests from "./requests.js"
import * as Script from "./script.js"
import * as Server from "./server.js"
import * as Trial from "./trial.js"

/** Between two polls of everything, and of the requests alone while an answer flows, in milliseconds. */
const interval = 1_000
const quickly = 200

let paused = false

let seen = { startedAt: 0, revision: 0 }

const refresh = async () => {
  try {
    await refreshRequests()
    const statistics = await Server.statistics()
    Counters.show(statistics)
    const hasQuotas = Object.values(statistics.byRegion).some(({ quota }) => Object.keys(quota).length > 0)
    Quotas.show(statistics, hasQuotas ? await Server.quotaHistory() : {})
    Faults.show(await Server.faults())
    Batches.show(await Server.batches())
    const overview = await Server.overview()
    Recording.show(overview)
    Trial.answering(overview.answers)
    report(paused ? "Paused" : "Live")
  } catch (error) {
    fail(error)
  }
}

/** The changes since the last poll; everything, after a restart of the emulator. */
const refreshRequests = async () => {
  const log = await Server.requests(seen.revision)
  const isSame = log.startedAt === seen.startedAt
  const news = isSame || seen.revision === 0 ? log : await Server.requests(0)
  if (!isSame && seen.startedAt !== 0) {
    for (const part of [Requests, Quotas, Faults, Batches, News]) part.forget()
    seen = { startedAt: news.startedAt, revision: 0 }
    await load()
  }
  seen = { startedAt: news.startedAt, revision: Math.max(seen.revision, news.revision) }
  Requests.show(news)
  News.announce(news.requests)
}

/** What changes only when the emulator is started anew. */
const load = async () => {
  const client = await Server.client()
  Address.show(client, seen.revision === 0)
  Trial.show(client)
  await Faults.load()
  const isScripted = (await Server.overview()).answers === "script"
  find("script", HTMLElement).hidden = !isScripted
  if (isScripted) await Script.load()
}

/** @param {string} state */
const report = (state) => {
  const connection = find("connection", HTMLElement)
  setText(connection, state)
  connection.dataset["state"] = state
}

/** An emulator that refuses the page says why; one that does not run says nothing. */
const fail = (/** @type {unknown} */ error) =>
  report(error instanceof Server.Refusal && error.status !== 404 ? `Refused: ${error.message}` : "Not reachable")

let latest = 0

const tick = async () => {
  if (!paused && !document.hidden) {
    if (Date.now() - latest >= interval) {
      await refresh()
      latest = Date.now()
    } else if (Requests.isBusy()) await refreshRequests().catch(fail)
  }
  setTimeout(tick, quickly)
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
  Address.start()
  Trial.start(refresh)
  Recording.start(refresh)
  Script.start()
  Faults.start(refresh)
  // the page needs these: it tries until the emulator answers
  for (let ready = false; !ready;) {
    try {
      await refreshRequests()
      await refresh()
      await load()
      ready = true
    } catch (error) {
      fail(error)
      await new Promise((resolve) => setTimeout(resolve, interval))
    }
  }
  setTimeout(tick, quickly)
}

void start()

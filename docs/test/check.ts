/**
 * Checks what `pnpm run build` made, as a reader finds it: links, search, types, layout on a phone, and that nothing is asked of
 * other hosts. Prints what is wrong, and fails. `node test/check.ts links search` does a part: links, layout, types, search.
 */
import type { Browser, Page } from "playwright-core"
import { serve } from "../site/serve.ts"
import { launch } from "./Browser.ts"
import * as Links from "./Links.ts"

/** What readers search for, and pages of which one must be among the first three results. */
const searches: ReadonlyArray<readonly [query: string, ...pages: ReadonlyArray<string>]> = [
  ["token quota", "/guides/quotas/"],
  ["fallback", "/guides/resilience/", "/api/core/chat/fallback/"],
  ["pgvector", "/guides/semantic-search/", "/recipes/"],
  ["lambda", "/recipes/", "/guides/"],
  ["ThrottlingException", "/reference/errors/", "/guides/errors/"],
  ["RateLimitError", "/guides/errors/", "/reference/errors/"],
  ["structured output", "/guides/structured-output/"],
  ["approve a tool call", "/guides/tools/"],
  ["embedMany", "/guides/embeddings/", "/api/core/embedding/embeddingservice/"],
  ["useChat", "/guides/web/"],
  ["TestChat", "/guides/testing/", "/api/core/testing/testchat/"],
  ["langchain", "/migration/langchain/"]
]

const phone = { width: 390, height: 844 }

const parts = process.argv.slice(2)
const isWanted = (part: string): boolean => parts.length === 0 || parts.includes(part)

let failures = 0
const fail = (...found: ReadonlyArray<string>): void => {
  failures += found.length
  for (const failure of found) console.error(failure)
}

const pages = Links.pages()
if (isWanted("links")) fail(...Links.broken(pages))

const site = await serve()
const browser = await launch()
if (browser === undefined) {
  console.warn("Only links are checked: no Chromium was found; CHROMIUM_PATH can name one.")
} else {
  if (isWanted("search")) await search(browser)
  if (isWanted("types")) await types(browser)
  if (isWanted("layout")) await layout(browser)
  await browser.close()
}
site.close()

if (failures > 0) {
  console.error(`\n${failures} failures on ${pages.length} pages`)
  process.exit(1)
}
console.log(`${pages.length} pages are fine`)

/** A page that reports its errors, and requests that leave this machine. */
async function open(
  browser: Browser,
  name: () => string,
  viewport: { readonly width: number; readonly height: number }
) {
  const page = await browser.newPage({ viewport })
  page.setDefaultTimeout(30_000)
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) fail(`${name()}: console: ${message.text()}`)
  })
  page.on("pageerror", (error) => fail(`${name()}: ${String(error)}`))
  page.on("request", (request) => {
    const url = request.url()
    if (!url.startsWith(site.url) && !/^(data|blob):/.test(url)) fail(`${name()}: asks ${url}`)
  })
  return page
}

/** Every page on a phone: nothing is wider than it. */
async function layout(browser: Browser): Promise<void> {
  let current = ""
  const page = await open(browser, () => current, phone)
  for (current of pages) {
    await page.goto(site.url + current)
    const wide = await page.evaluate((width) => {
      if (document.documentElement.scrollWidth <= width) return []
      const wider = [...document.querySelectorAll("main *")].filter((element) =>
        element.getBoundingClientRect().right > width + 1
      )
      return [`${document.documentElement.scrollWidth} px wide: ${wider[0]?.outerHTML.slice(0, 120) ?? ""}`]
    }, phone.width)
    fail(...wide.map((problem) => `${current}: ${problem}`))
  }
  await page.close()
}

/** Every page written by hand that has TypeScript has types behind it, and a box within the window, on a phone too. */
async function types(browser: Browser): Promise<void> {
  for (const viewport of [{ width: 1280, height: 900 }, phone]) {
    let current = ""
    const page = await open(browser, () => current, viewport)
    for (current of pages.filter((page) => page === "/" || /^\/(guides|recipes|migration)\//.test(page))) {
      await page.goto(site.url + current)
      if (await page.locator("pre[data-language=ts]").count() === 0) continue
      const tokens = page.locator(".typed")
      if (await tokens.count() === 0) {
        fail(`${current}: no types behind its TypeScript`)
        continue
      }
      await box(page, current)
    }
    await page.close()
  }
}

/** The longest type of the page, at the last of its identifiers. */
async function box(page: Page, name: string): Promise<void> {
  await page.evaluate(() => {
    const tokens = [...document.querySelectorAll<HTMLElement>(".typed")]
    const length = (token: HTMLElement): number =>
      token.closest(".expressive-code")?.querySelector(".types")?.children[Number(token.dataset.type)]?.textContent
        .length ?? 0
    const longest = tokens.toSorted((a, b) => length(b) - length(a))[0]
    longest?.scrollIntoView({ block: "center", inline: "center" })
    longest?.setAttribute("data-longest", "")
  })
  // The box is hidden when something scrolls: not before it has.
  await page.waitForTimeout(100)
  await page.locator("[data-longest]").dispatchEvent("click")
  const shown = await page.evaluate(() => {
    const box = document.querySelector(".type-box")
    const { bottom, left, right, top } = box?.getBoundingClientRect() ?? { bottom: 0, left: 0, right: 0, top: 0 }
    const text = box?.textContent.trim() ?? ""
    const inside = left >= 0 && top >= 0 && right <= innerWidth && bottom <= innerHeight
    return { text, inside, clipped: box !== null && box.scrollWidth > box.clientWidth + 1 }
  })
  if (shown.text === "") fail(`${name}: no box with a type`)
  else if (!shown.inside || shown.clipped) {
    fail(`${name}: the box of a type is not within the window: ${shown.text.slice(0, 80)}`)
  }
}

/** From the keyboard, as readers do, once the page is idle and has loaded the index. */
async function search(browser: Browser): Promise<void> {
  let current = ""
  const page = await open(browser, () => `search "${current}"`, { width: 1280, height: 900 })
  await page.goto(`${site.url}/`)
  await page.waitForLoadState("networkidle")
  await page.keyboard.press("Control+k")
  const input = page.locator("#starlight__search input")
  for (const [query, ...wanted] of searches) {
    current = query
    await input.fill("")
    await input.fill(query)
    await page.waitForFunction(
      (query) =>
        document.querySelector("#starlight__search .pagefind-ui__message")?.textContent.includes(`for ${query}`),
      query
    ).catch(() => undefined)
    // Results are listed before they are loaded.
    await page.waitForFunction(() => {
      const results = [...document.querySelectorAll("#starlight__search .pagefind-ui__result")].slice(0, 3)
      return results.length > 0 && results.every((result) => result.querySelector("a") !== null)
    }).catch(() => undefined)
    const found = await page.locator("#starlight__search .pagefind-ui__result").evaluateAll((results) =>
      results.map((result) => new URL(result.querySelector("a")?.href ?? location.href).pathname)
    )
    if (!found.slice(0, 3).some((path) => wanted.some((prefix) => path.startsWith(prefix)))) {
      fail(`search "${query}": none of ${wanted.join(", ")} in ${found.slice(0, 5).join(", ") || "no results"}`)
    }
  }
  await page.close()
}

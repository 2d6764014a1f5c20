/**
 * Keeps secrets and the content of the request out of the words of a server, which may quote both.
 */
import * as Predicate from "effect/Predicate"

const replacement = "[redacted]"

/** Keys by their usual forms; OpenAI shows a part of a wrong one. */
const patterns = /\b(sk|pk|rk)-[\w*-]{6,}|\bBearer\s+[\w.~+/=*-]{6,}|\bABSK[\w+/=]{8,}|\beyJ[\w-]{10,}\.[\w-]+\.[\w-]*/g

/** The text without the secrets, and without passages of 24 or more characters that it shares with the request. */
export const redact = (
  text: string,
  { request, secrets = [] }: { readonly secrets?: ReadonlyArray<string> | undefined; readonly request?: unknown }
): string => {
  let clean = text
  for (const secret of secrets) if (secret.length >= 4) clean = clean.replaceAll(secret, replacement)
  clean = clean.replace(patterns, replacement)
  const spans = request === undefined ? [] : quotations(clean, contentOf(request))
  return spans.length === 0 ? clean : withoutSpans(clean, spans)
}

const gram = 12

const least = 24

/** Where the text quotes one of the passages: each quotation holds a gram of the passage at a multiple of its length. */
const quotations = (text: string, passages: ReadonlyArray<string>): ReadonlyArray<readonly [number, number]> => {
  const places = new Map<string, number>()
  for (let at = text.length - gram; at >= 0; at--) places.set(text.slice(at, at + gram), at)
  const spans: Array<readonly [number, number]> = []
  if (places.size === 0) return spans
  for (const passage of passages) {
    for (let at = 0; at + gram <= passage.length; at += gram) {
      const place = places.get(passage.slice(at, at + gram))
      if (place === undefined) continue
      let before = 0
      while (before < place && before < at && text[place - before - 1] === passage[at - before - 1]) before++
      let after = gram
      while (place + after < text.length && text[place + after] === passage[at + after]) after++
      if (before + after >= least) {
        spans.push([place - before, place + after])
        at += after - (after % gram)
      }
    }
  }
  return spans
}

const withoutSpans = (text: string, spans: ReadonlyArray<readonly [number, number]>): string => {
  let clean = ""
  let done = 0
  for (const [start, end] of spans.toSorted(([one], [other]) => one - other)) {
    if (end <= done) continue
    clean += start < done ? "" : text.slice(done, start) + replacement
    done = end
  }
  return clean + text.slice(done)
}

/** What the user and the model wrote; names and ids are not content. */
const contentOf = (body: unknown): ReadonlyArray<string> => {
  const texts: Array<string> = []
  let left = 20_000
  const walk = (value: unknown, depth: number): void => {
    if (depth > 20 || left-- <= 0) return
    if (typeof value === "string") {
      // media are not quoted, and searching them takes long
      if (value.length >= least && !value.startsWith("data:")) texts.push(value.slice(0, 100_000))
    } else if (Array.isArray(value)) { for (const item of value) walk(item, depth + 1) }
    else if (Predicate.isObject(value)) { for (const item of Object.values(value)) walk(item, depth + 1) }
  }
  if (Predicate.isObject(body)) {
    for (const name of ["messages", "input", "instructions"]) walk(Reflect.get(body, name), 0)
  }
  return texts
}

/** The wording of problems: the type of a value, its path, the nearest known word. */

/** The type of a value, without its text: prompts and keys are confidential. */
export const kindOf = (given: unknown): string => {
  switch (typeof given) {
    case "string":
      return "text"
    case "bigint":
    case "symbol":
    case "function":
      return `a ${typeof given}`
    case "object":
      return given === null ? "null" : Array.isArray(given) ? "an array" : nameOf(given)
    default:
      return String(given)
  }
}

/** `Map`, `Promise` and the like by name. */
const nameOf = (given: object): string => {
  const name = Object.prototype.toString.call(given).slice(8, -1)
  if (name === "Object" || !/^[A-Z]\w{0,30}$/.test(name)) return "an object"
  return `${/^[AEIOU]/.test(name) ? "an" : "a"} ${name}`
}

/** A short word in quotation marks; other text may be confidential and is not quoted. */
export const quote = (given: string): string => /^[\w.:/-]{1,40}$/.test(given) ? `"${given}"` : "such word"

/** `a`, `b` or `c`. */
export const list = (words: ReadonlyArray<string>, last: "or" | "and" = "or"): string => {
  const quoted = words.map((word) => `\`${word}\``)
  return quoted.length < 2 ? quoted.join("") : `${quoted.slice(0, -1).join(", ")} ${last} ${quoted.at(-1)}`
}

/** The remedy for an unknown word. */
export const advice = (given: string, words: ReadonlyArray<string>): string => {
  const meant = nearest(given, words)
  return meant === undefined ? `Use ${list(words)}` : `Did you mean \`${meant}\`? Use ${list(words)}`
}

/** `messages[2].content[0].source`; the middle of a very long path is left out. */
export const place = (field: string, path: ReadonlyArray<string | number>): string => {
  const segments = path.map((key) =>
    typeof key === "number"
      ? `[${key}]`
      : /^[\p{L}$_][\p{L}\p{N}$_]{0,59}$/u.test(key)
      ? `.${key}`
      : `[${JSON.stringify(key.slice(0, 60))}]`
  )
  if (segments.length > longest) segments.splice(longest - 2, segments.length - longest + 1, "…")
  const text = segments.join("")
  return field === "" && text.startsWith(".") ? text.slice(1) : field + text
}

const longest = 24

/** The known word that a given one probably misspells. */
export const nearest = (given: string, words: ReadonlyArray<string>): string | undefined => {
  if (given.length > 40) return undefined
  const bare = simplified(given)
  const same = words.find((word) => simplified(word) === bare)
  if (same !== undefined || given.length < 3) return same
  const near = words
    .map((word) => ({ word, distance: distance(bare, simplified(word)) }))
    .sort((self, that) => self.distance - that.distance)[0]
  return near !== undefined && near.distance <= (given.length < 6 ? 1 : 2) ? near.word : undefined
}

/** Equal for `max_tokens` and `maxTokens`. The class of all letters takes milliseconds to compile, and few words need it. */
const simplified = (word: string): string =>
  /^[a-z\d]*$/i.test(word) ? word.toLowerCase() : word.toLowerCase().replace(/[^\p{L}\p{N}]/gu, "")

/** The Damerau–Levenshtein distance (restricted): insertions, deletions, substitutions, adjacent swaps. */
const distance = (self: string, that: string): number => {
  let before: ReadonlyArray<number> = []
  let previous: ReadonlyArray<number> = Array.from({ length: that.length + 1 }, (_, index) => index)
  for (let row = 1; row <= self.length; row++) {
    const current = [row]
    for (let column = 1; column <= that.length; column++) {
      const exchanged = previous[column - 1]! + (self[row - 1] === that[column - 1] ? 0 : 1)
      const isSwapped = self[row - 1] === that[column - 2] && self[row - 2] === that[column - 1]
      const swapped = isSwapped && row > 1 && column > 1 ? before[column - 2]! + 1 : Infinity
      current.push(Math.min(exchanged, swapped, previous[column]! + 1, current[column - 1]! + 1))
    }
    before = previous
    previous = current
  }
  return previous[that.length]!
}

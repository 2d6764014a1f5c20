/**
 * The words of an English text as they are compared: in lower case, `camelCase` split, without stop words, and by their
 * stem, so that `retries` and `retrying` are the same word.
 */

/** All of them in order, with duplicates. */
export const split = (text: string): ReadonlyArray<string> =>
  (text.replace(/(\p{Ll})(\p{Lu})|(\p{Lu})(?=\p{Lu}\p{Ll})/gu, "$1$3 $2").toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [])
    .filter((word) => !stopWords.has(word))
    .map(stem)

const stopWords: ReadonlySet<string> = new Set(
  ("a am an and any are as at be been being but by can could did do does for from had has have he her him his how i if " +
    "im in into is it its just let make may me more most my no not of on or our out own please s she should so some " +
    "something t than that the their them then there these they this those to too up us use used using very was we " +
    "were what when where which while who why will with would you your").split(" ")
)

/** The stem of a word in lower case, by Porter's algorithm of 1980 (https://tartarus.org/martin/PorterStemmer/). */
export const stem = (word: string): string => {
  // Longer ones are no words.
  if (!/^[a-z]{3,40}$/.test(word)) return word
  return endings.reduce((word, step) => step(word), withoutInflection(word))
}

const consonants = "[^aeiou][^aeiouy]*"
const vowels = "[aeiouy][aeiou]*"
const isLong = new RegExp(`^(?:${consonants})?${vowels}${consonants}`)
const isLonger = new RegExp(`^(?:${consonants})?${vowels}${consonants}${vowels}${consonants}`)
const isOneSyllable = new RegExp(`^(?:${consonants})?${vowels}${consonants}(?:${vowels})?$`)
const hasVowel = new RegExp(`^(?:${consonants})?[aeiouy]`)
const endsShort = new RegExp(`^${consonants}[aeiouy][^aeiouwxy]$`)

/** Without the endings of plural, past and participle. */
const withoutInflection = (inflected: string): string => {
  const word = inflected.replace(/(ss|i)es$/, "$1").replace(/([^s])s$/, "$1")
  const agreed = /^(.+)eed$/.exec(word)
  if (agreed !== null) return isLong.test(agreed[1]!) ? word.slice(0, -1) : word
  const root = /^(.+?)(?:ed|ing)$/.exec(word)?.[1]
  const plain = root === undefined || !hasVowel.test(root)
    ? word
    : /(?:at|bl|iz)$/.test(root) || endsShort.test(root)
    ? `${root}e`
    : root.replace(/([^aeiouylsz])\1$/, "$1")
  const y = /^(.+)y$/.exec(plain)?.[1]
  return y !== undefined && hasVowel.test(y) ? `${y}i` : plain
}

/** A step that replaces the first ending in the list of a root that is long enough. */
const replacing = (pairs: string, isEnough: RegExp) => {
  const endings = pairs.split(" ").map((pair) => pair.split(">") as [ending: string, replacement: string])
  return (word: string) => {
    for (const [ending, replacement] of endings) {
      if (!word.endsWith(ending)) continue
      const root = word.slice(0, -ending.length)
      // Of those in `ion` only `sion` and `tion` are endings.
      return isEnough.test(root) && (ending !== "ion" || /[st]$/.test(root)) ? root + replacement : word
    }
    return word
  }
}

const endings: ReadonlyArray<(word: string) => string> = [
  replacing(
    "ational>ate tional>tion enci>ence anci>ance izer>ize bli>ble alli>al entli>ent ousli>ous eli>e ization>ize " +
      "ation>ate ator>ate alism>al iveness>ive fulness>ful ousness>ous aliti>al iviti>ive biliti>ble logi>log",
    isLong
  ),
  replacing("icate>ic ative> alize>al iciti>ic ical>ic ful> ness>", isLong),
  replacing(
    "ance> ence> able> ible> ement> ment> ant> ent> ion> ism> ate> iti> ous> ive> ize> al> er> ic> ou>",
    isLonger
  ),
  (word) => {
    const root = /^(.+)e$/.exec(word)?.[1]
    return root !== undefined && (isLonger.test(root) || isOneSyllable.test(root) && !endsShort.test(root))
      ? root
      : word
  },
  (word) => word.endsWith("ll") && isLonger.test(word) ? word.slice(0, -1) : word
]

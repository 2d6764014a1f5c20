/**
 * Estimates the tokens of a text, rather too many than too few: no tokenizer fits all models. By script: a word of English
 * has a token for 3 to 4 letters, a sign of punctuation one, an ideograph or half of an emoji up to two.
 */
export const estimate = (text: string): number => {
  let tokens = 0
  for (let index = 0; index < text.length; index++) tokens += weightOf(text.charCodeAt(index))
  return Math.ceil(tokens)
}

const weightOf = (code: number): number => {
  if (code >= 97 && code <= 122) return 0.3
  if (code === 32 || code >= 9 && code <= 13) return 0.15
  if (code >= 65 && code <= 90 || code >= 48 && code <= 57) return 0.5
  if (code < 128) return 0.75
  if (code < 0x400) return 1.2
  if (code < 0x530) return 0.6
  return code < 0x900 ? 1.3 : 1.75
}

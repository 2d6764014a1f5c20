/**
 * Finds elements of the page by id, and creates them from a tag, attributes and children. Text is never parsed as
 * markup.
 */

/**
 * The element with this id and class; the page always has it.
 *
 * @template {HTMLElement} E
 * @param {string} id
 * @param {abstract new () => E} type
 * @returns {E}
 */
export const find = (id, type) => {
  const found = document.getElementById(id)
  if (!(found instanceof type)) throw new Error(`The page has no ${type.name} #${id}`)
  return found
}

/**
 * A new element. An attribute that is `undefined` or `false` is left out.
 *
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Readonly<Record<string, string | number | boolean | undefined>>} attributes
 * @param {ReadonlyArray<Node | string>} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export const element = (tag, attributes = {}, ...children) => {
  const made = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== false) made.setAttribute(name, value === true ? "" : String(value))
  }
  made.append(...children)
  return made
}

/**
 * Sets a text only if it changed, so that the user's selection is kept.
 *
 * @param {Element} target
 * @param {string} text
 */
export const setText = (target, text) => {
  if (target.textContent !== text) target.textContent = text
}

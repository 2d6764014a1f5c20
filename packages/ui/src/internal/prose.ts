/**
 * The part of text or reasoning that is being written. At most one is open: it is closed before anything else is sent, and
 * its id is not used again.
 */
import type * as Message from "@strata/core/chat/Message"
import * as Check from "@strata/core/Check"
import { isObject } from "effect/Predicate"
import type * as UiChunk from "../UiChunk.ts"
import * as Metadata from "./metadata.ts"

type Kind = "text" | "reasoning"

interface Open {
  readonly kind: Kind
  readonly index: number
  readonly id: string
  text: string
  fields: Partial<Message.TextPart> | Partial<Message.ReasoningPart>
  readonly citations: Array<Message.Citation>
  /** More pieces under its index begin another part. */
  isComplete: boolean
}

export const make = (send: (chunk: UiChunk.Chunk) => void, nextId: () => string) => {
  let open: Open | undefined
  const sources = new Set<string>()

  const close = (): void => {
    if (open === undefined) return
    const { citations, fields, id, kind, text } = open
    open = undefined
    const part = { ...fields, type: kind, text, ...(citations.length > 0 && { citations }) } as
      | Message.TextPart
      | Message.ReasoningPart // with the fields of its kind
    const providerMetadata = Metadata.encode(part, ["text"])
    send({ type: `${kind}-end`, id, ...(providerMetadata && { providerMetadata }) })
    for (const citation of citations) cite(citation)
  }

  const cite = (citation: Message.Citation): void => {
    const source = sourceOf(citation)
    if (source === undefined || sources.has(source.sourceId)) return
    sources.add(source.sourceId)
    send(source)
  }

  const at = (kind: Kind, index: number): Open => {
    if (open?.kind === kind && open.index === index && !open.isComplete) return open
    close()
    open = { kind, index, id: nextId(), text: "", fields: {}, citations: [], isComplete: false }
    send({ type: `${kind}-start`, id: open.id })
    return open
  }

  const write = (kind: Kind, index: number, delta: string): void => {
    if (typeof delta !== "string" || delta === "") return
    const part = at(kind, index)
    part.text += delta
    send({ type: `${kind}-delta`, id: part.id, delta })
  }

  return {
    close,
    write,
    cite: (index: number, citation: Message.Citation): void => {
      if (isObject(citation)) at("text", index).citations.push(citation)
    },
    endReasoning: (index: number, fields: Partial<Message.ReasoningPart>): void => {
      const part = at("reasoning", index)
      part.fields = fields
      part.isComplete = true
    },
    /** A whole part: what its pieces lack, or all of it. */
    whole: (index: number, whole: Message.TextPart | Message.ReasoningPart): void => {
      if (typeof whole.text !== "string") return
      const isSame = open?.kind === whole.type && open.index === index
      const part = isSame && open !== undefined ? open : at(whole.type, index)
      if (whole.text.startsWith(part.text) && whole.text.length > part.text.length) {
        const delta = whole.text.slice(part.text.length)
        part.text = whole.text
        send({ type: `${whole.type}-delta`, id: part.id, delta })
      }
      part.fields = whole
      if (whole.type === "text" && part.citations.length === 0 && whole.citations !== undefined) {
        for (const citation of Check.itemsOf(whole.citations) ?? []) {
          // What is not in its fields is left out where it is read.
          if (isObject(citation)) part.citations.push(citation as object as Message.Citation)
        }
      }
      part.isComplete = true
      close()
    }
  }
}

/** A link only to the web: a page may put the URL into an `href`, and the model may have written it. */
const sourceOf = (citation: Message.Citation): UiChunk.SourceUrl | UiChunk.SourceDocument | undefined => {
  const { location } = citation
  const source = textOf(citation.source)
  const title = textOf(citation.title)
  const url = [location?.type === "web" ? textOf(location.url) : undefined, source].find((text) =>
    /^https?:\/\//i.test(text ?? "")
  )
  if (url !== undefined) return { type: "source-url", sourceId: url, url, ...(title !== undefined && { title }) }
  const name = title ?? source ?? textOf(placeOf(location))
  return name === undefined
    ? undefined
    : { type: "source-document", sourceId: source ?? name, mediaType: "text/plain", title: name }
}

/** Text that says something: events come from providers, whose fields may be anything. */
const textOf = (value: unknown): string | undefined => typeof value === "string" && value !== "" ? value : undefined

const placeOf = (location: Message.Citation["location"]): string | undefined => {
  if (location === undefined) return undefined
  switch (location.type) {
    case "web":
      return location.domain
    case "search-result":
      return location.searchResultIndex === undefined ? undefined : `Search result ${location.searchResultIndex + 1}`
    default:
      return location.documentIndex === undefined ? undefined : `Document ${location.documentIndex + 1}`
  }
}

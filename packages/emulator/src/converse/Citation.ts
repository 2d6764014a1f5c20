/**
 * Citations on the wire and in core.
 */
import type * as Message from "@strata/core/chat/Message"
import * as Schema from "effect/Schema"
import * as Constraint from "./Constraint.ts"

const number = Schema.optionalKey(Schema.Int.check(Constraint.atLeast(0)))
const text = Schema.optionalKey(Schema.String)

const InDocument = Schema.Struct({ documentIndex: number, start: number, end: number })

/** The location of a cited passage; one member is set. */
const Location = Schema.Struct({
  web: Schema.optionalKey(Schema.Struct({ url: text, domain: text })),
  documentChar: Schema.optionalKey(InDocument),
  documentPage: Schema.optionalKey(InDocument),
  documentChunk: Schema.optionalKey(InDocument),
  searchResultLocation: Schema.optionalKey(Schema.Struct({ searchResultIndex: number, start: number, end: number }))
})

const Texts = Schema.Array(Schema.Struct({ text }))

/** Text of a model with its citations. */
export type CitationsContent = typeof CitationsContent.Type
/** @see {@link CitationsContent} */
export const CitationsContent = Schema.Struct({
  content: Schema.optionalKey(Texts),
  citations: Schema.optionalKey(Schema.Array(Schema.Struct({
    title: text,
    source: text,
    sourceContent: Schema.optionalKey(Texts),
    location: Schema.optionalKey(Location)
  })))
})

/** The text, its citations attached. */
export const fromWire = ({ citations, content }: CitationsContent): Message.TextPart => ({
  type: "text",
  text: (content ?? []).map(({ text }) => text ?? "").join(""),
  citations: (citations ?? []).map(({ location, source, sourceContent, title }) => ({
    title,
    source,
    passages: sourceContent?.map(({ text }) => text ?? ""),
    location: location && fromLocation(location)
  }))
})

/** One citation, as a member of a block and as the delta of a stream. */
export const toWire = ({ location, passages, source, title }: Message.Citation): unknown => ({
  title,
  source,
  sourceContent: passages?.map((text) => ({ text })),
  location: location && toLocation(location)
})

const fromLocation = (location: typeof Location.Type): Message.CitationLocation | undefined => {
  if (location.web !== undefined) return { type: "web", ...location.web }
  if (location.documentChar !== undefined) return { type: "document-char", ...location.documentChar }
  if (location.documentPage !== undefined) return { type: "document-page", ...location.documentPage }
  if (location.documentChunk !== undefined) return { type: "document-chunk", ...location.documentChunk }
  return location.searchResultLocation && { type: "search-result", ...location.searchResultLocation }
}

const toLocation = ({ type, ...location }: Message.CitationLocation): unknown => {
  switch (type) {
    case "web":
      return { web: location }
    case "document-char":
      return { documentChar: location }
    case "document-page":
      return { documentPage: location }
    case "document-chunk":
      return { documentChunk: location }
    case "search-result":
      return { searchResultLocation: location }
  }
}

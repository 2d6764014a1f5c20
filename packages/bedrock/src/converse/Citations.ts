/**
 * Encodes and decodes citations.
 */
import type { Citation as ConverseCitation, CitationLocation, CitationsDelta } from "@aws-sdk/client-bedrock-runtime"
import type * as Message from "@strata/core/chat/Message"

/** Ours to Bedrock's. */
export const encode = ({ location, passages, source, title }: Message.Citation): ConverseCitation => ({
  ...(title === undefined ? undefined : { title }),
  ...(source === undefined ? undefined : { source }),
  ...(passages === undefined ? undefined : { sourceContent: passages.map((text) => ({ text })) }),
  ...(location === undefined ? undefined : { location: encodeLocation(location) })
})

/** Bedrock's to ours; a citation in a stream has the same shape. */
export const decode = (
  { location, source, sourceContent, title }: ConverseCitation | CitationsDelta
): Message.Citation => {
  const where = location === undefined ? undefined : decodeLocation(location)
  return {
    ...(title === undefined ? undefined : { title }),
    ...(source === undefined ? undefined : { source }),
    ...(sourceContent === undefined ? undefined : { passages: sourceContent.map(({ text }) => text ?? "") }),
    ...(where === undefined ? undefined : { location: where })
  }
}

const encodeLocation = (location: Message.CitationLocation): CitationLocation => {
  switch (location.type) {
    case "web": {
      const { type: _, ...web } = location
      return { web }
    }
    case "document-char": {
      const { type: _, ...documentChar } = location
      return { documentChar }
    }
    case "document-page": {
      const { type: _, ...documentPage } = location
      return { documentPage }
    }
    case "document-chunk": {
      const { type: _, ...documentChunk } = location
      return { documentChunk }
    }
    case "search-result": {
      const { type: _, ...searchResultLocation } = location
      return { searchResultLocation }
    }
  }
}

const decodeLocation = (location: CitationLocation): Message.CitationLocation | undefined => {
  if (location.web !== undefined) return { type: "web", ...location.web }
  if (location.documentChar !== undefined) return { type: "document-char", ...location.documentChar }
  if (location.documentPage !== undefined) return { type: "document-page", ...location.documentPage }
  if (location.documentChunk !== undefined) return { type: "document-chunk", ...location.documentChunk }
  if (location.searchResultLocation !== undefined) return { type: "search-result", ...location.searchResultLocation }
}

/**
 * Citations in Anthropic's format (Claude API reference, "Citations"): one shape for each kind of location.
 */
import type * as Message from "@strata/core/chat/Message"
import * as Family from "../Family.ts"

/** One citation; `undefined` for one without a location, which Anthropic has no shape for. */
export const toWire = (
  { location, passages = [], source, title: name }: Message.Citation
): Family.Payload | undefined => {
  if (location === undefined) return undefined
  const title = name ?? null
  const said = { cited_text: passages.join("") }
  switch (location.type) {
    case "web":
      return Family.present({
        type: "web_search_result_location",
        ...said,
        url: location.url,
        title,
        encrypted_index: ""
      })
    case "search-result":
      return Family.present({
        type: "search_result_location",
        ...said,
        source,
        title,
        search_result_index: location.searchResultIndex,
        start_block_index: location.start,
        end_block_index: location.end
      })
    default: {
      const { start, end, type } = shapes[location.type]
      return Family.present({
        type,
        ...said,
        document_index: location.documentIndex,
        document_title: title,
        [start]: location.start,
        [end]: location.end
      })
    }
  }
}

const shapes = {
  "document-char": { type: "char_location", start: "start_char_index", end: "end_char_index" },
  "document-page": { type: "page_location", start: "start_page_number", end: "end_page_number" },
  "document-chunk": { type: "content_block_location", start: "start_block_index", end: "end_block_index" }
}

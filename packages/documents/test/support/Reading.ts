import { Reader } from "@strata/documents"

/** Reads text, as UTF-8, or bytes. */
export const read = (name: string, content: string | Uint8Array, mediaType?: string) =>
  Reader.read({ name, bytes: typeof content === "string" ? new TextEncoder().encode(content) : content, mediaType })

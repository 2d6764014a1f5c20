/** A small image and a small document, which any service accepts. */
import * as Base64 from "effect/encoding/Base64"
import * as Result from "effect/Result"
import type * as Message from "../../../chat/Message.ts"

const bytes = (base64: string): Uint8Array => Result.getOrElse(Base64.decode(base64), () => new Uint8Array())

/** One pixel. */
export const image: Message.ImagePart = {
  type: "image",
  mediaType: "image/png",
  source: {
    bytes: bytes(
      "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
    )
  }
}

/** A page of text. */
export const document: Message.DocumentPart = {
  type: "document",
  mediaType: "application/pdf",
  name: "report",
  source: {
    bytes: new TextEncoder().encode("%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n")
  }
}

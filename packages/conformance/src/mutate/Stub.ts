/**
 * The product without a network: the SDK's request handler returns a given answer in chunks.
 */
import type { BedrockClient } from "@strata/bedrock"
import { Readable } from "node:stream"
import * as Product from "../subject/Product.ts"
import type { Answer } from "../subject/Wire.ts"
import type { Seeded } from "./Seeded.ts"

type Transport = NonNullable<BedrockClient.Options["transport"]>

type Handler = Extract<Transport, { readonly requestHandler: object }>["requestHandler"]

/** The next answer, with its body in chunks. */
export interface Next extends Omit<Answer, "body"> {
  readonly pieces: ReadonlyArray<Uint8Array>
}

/** The services over such a handler; `next` is called at each request. */
export const layer = (next: () => Next) => {
  const requestHandler: Handler = {
    handle: () => {
      const { headers, pieces, status } = next()
      const body = new Readable({ read: () => {} })
      for (const piece of pieces) body.push(piece)
      body.push(null)
      return Promise.resolve({ response: { statusCode: status, headers: { ...headers }, body } })
    }
  }
  return Product.layer({ endpoint: "http://127.0.0.1:9", transport: { requestHandler } })
}

/** Bytes split into one to four chunks. */
export const pieces = (bytes: Uint8Array, random: Seeded): ReadonlyArray<Uint8Array> => {
  const cuts = Array.from({ length: random.below(4) }, () => random.below(bytes.length + 1)).toSorted((a, b) => a - b)
  return [...cuts, bytes.length].map((end, index) => bytes.subarray(cuts[index - 1] ?? 0, end))
    .filter(({ length }) => length > 0)
}

import * as Fixture from "./Fixture.ts"

export const titan = "amazon.titan-embed-image-v1"
export const nova = "amazon.nova-2-multimodal-embeddings-v1:0"
export const marengo27 = "us.twelvelabs.marengo-embed-2-7-v1:0"
export const marengo30 = "twelvelabs.marengo-embed-3-0-v1:0"
export const cohere3 = "cohere.embed-english-v3"
export const cohere4 = "cohere.embed-v4:0"

export const invoke = (model: string, body: unknown) =>
  Fixture.post(`/model/${encodeURIComponent(model)}/invoke`, JSON.stringify(body))

/** The first bytes of a PNG, and a JPEG's. */
export const png = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 1)
export const jpeg = Uint8Array.of(0xff, 0xd8, 0xff, 2)

export const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString("base64")
export const dataUri = (bytes: Uint8Array, mediaType = "image/png") => `data:${mediaType};base64,${base64(bytes)}`

export const single = (content: object, params?: object) => ({
  taskType: "SINGLE_EMBEDDING",
  singleEmbeddingParams: { embeddingPurpose: "GENERIC_INDEX", ...content, ...params }
})

export const novaText = (value: string, truncationMode = "NONE") => ({ text: { truncationMode, value } })
export const novaImage = (bytes: Uint8Array) => ({ image: { format: "jpeg", source: { bytes: base64(bytes) } } })

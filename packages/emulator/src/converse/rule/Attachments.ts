/**
 * How many images and documents a request may carry, how large, and what must stand beside them.
 */
import type * as Block from "../Block.ts"
import type * as Wire from "../Wire.ts"
import type { Findings } from "./Finding.ts"
import { duplicates, refused, refusedByModel } from "./Finding.ts"

const maxDocuments = 5
const maxDocumentBytes = 4_500_000
const maxImages = 20
/** Counted in base64: 3.75 MB of image. */
const maxImageCharacters = 5_242_880

/** Checks all messages together; what tools answered counts too. */
export function* check({ messages = [] }: Wire.Prompt): Findings {
  for (const { content } of messages) {
    if (content.some((block) => block.document) && !content.some((block) => block.text ?? block.guardContent?.text)) {
      yield refused("A text block must be included when using documents.")
    }
  }
  const attached = messages.flatMap(attachments)
  yield* inDocuments(attached.flatMap(({ block }) => block.document ?? []))
  const images = attached.filter(({ block }) => block.image !== undefined)
  if (images.length > maxImages) yield refusedByModel(`messages: too many images: ${images.length} > ${maxImages}`)
  for (const { at, block } of images) {
    const characters = Math.ceil((block.image?.source.bytes?.length ?? 0) / 3) * 4
    if (characters > maxImageCharacters) {
      yield refusedByModel(
        `${at}.image.source.bytes: image exceeds 5 MB maximum: ${characters} bytes > ${maxImageCharacters} bytes`
      )
    }
  }
  return undefined
}

function* inDocuments(documents: ReadonlyArray<Block.Document>): Findings {
  if (documents.length > maxDocuments) {
    yield refused(`You can't include more than ${maxDocuments} documents in a request.`)
  }
  if (duplicates(documents.map(({ name }) => name)).length > 0) {
    yield refused("Messages can't contain duplicate document names. Rename the document and retry your request.")
  }
  for (const { name, source } of documents) {
    if ((source.bytes?.length ?? 0) > maxDocumentBytes) {
      yield refused(`The document ${name} exceeds the maximum document size of 4.5 MB.`)
    }
  }
  return undefined
}

interface Attachment {
  readonly at: string
  readonly block: Pick<Block.Content, "image" | "document">
}

const attachments = ({ content }: Wire.Message, message: number): ReadonlyArray<Attachment> =>
  content.flatMap((block, index): ReadonlyArray<Attachment> => {
    const at = `messages.${message}.content.${index}`
    return [
      { at, block },
      ...(block.toolResult?.content ?? []).map((item, inner) => ({
        at: `${at}.toolResult.content.${inner}`,
        block: item
      }))
    ]
  })

/**
 * Number and size of images and documents in a request, and what must accompany them. Tool results count too.
 */
import type * as Block from "../Block.ts"
import type * as Wire from "../Wire.ts"
import { duplicates, refused, refusedByModel } from "./Finding.ts"
import { blocksOf, type Rule } from "./Rule.ts"

const maxDocuments = 5
const maxDocumentBytes = 4_500_000
/** Counted in base64: 3.75 MB of image. */
const maxImageCharacters = 5_242_880

/** For all messages of a request together. */
export const rules: ReadonlyArray<Rule> = [
  {
    refuses: "a message with a document but without text",
    source: "documented",
    *find({ request: { messages = [] } }) {
      for (const { content } of messages) {
        if (
          content.some(({ document }) => document) && !content.some((block) => block.text ?? block.guardContent?.text)
        ) {
          yield refused("A text block must be included when using documents.")
        }
      }
      return undefined
    }
  },
  {
    refuses: `more than ${maxDocuments} documents`,
    source: "documented",
    *find({ request }) {
      if (documentsOf(request).length > maxDocuments) {
        yield refused(`You can't include more than ${maxDocuments} documents in a request.`)
      }
      return undefined
    }
  },
  {
    refuses: "two documents with the same name",
    source: "reported",
    *find({ request }) {
      if (duplicates(documentsOf(request).map(({ name }) => name)).length > 0) {
        yield refused("Messages can't contain duplicate document names. Rename the document and retry your request.")
      }
      return undefined
    }
  },
  {
    refuses: "a document of more than 4.5 MB",
    source: "documented",
    *find({ request }) {
      for (const { name, source } of documentsOf(request)) {
        if ((source.bytes?.length ?? 0) > maxDocumentBytes) {
          yield refused(`The document ${name} exceeds the maximum document size of 4.5 MB.`)
        }
      }
      return undefined
    }
  },
  {
    refuses: "more images than the model's maximum: 20, and 100 for Claude",
    source: "documented",
    *find({ model, request }) {
      const maxImages = model.rules === "claude" ? 100 : 20
      const images = attachments(request).filter(({ block }) => block.image !== undefined).length
      if (images > maxImages) yield refusedByModel(`messages: too many images: ${images} > ${maxImages}`)
      return undefined
    }
  },
  {
    refuses: "an image of more than 3.75 MB",
    source: "documented",
    *find({ request }) {
      for (const { at, block } of attachments(request)) {
        const characters = Math.ceil((block.image?.source.bytes?.length ?? 0) / 3) * 4
        if (characters > maxImageCharacters) {
          yield refusedByModel(
            `${at}.image.source.bytes: image exceeds 5 MB maximum: ${characters} bytes > ${maxImageCharacters} bytes`
          )
        }
      }
      return undefined
    }
  }
]

interface Attachment {
  readonly at: string
  readonly block: Pick<Block.Content, "image" | "document">
}

const attachments = (request: Wire.Prompt): ReadonlyArray<Attachment> =>
  [...blocksOf(request)].flatMap(({ at, block }): ReadonlyArray<Attachment> => [
    { at, block },
    ...(block.toolResult?.content ?? []).map((item, inner) => ({
      at: `${at}.toolResult.content.${inner}`,
      block: item
    }))
  ])

const documentsOf = (request: Wire.Prompt): ReadonlyArray<Block.Document> =>
  attachments(request).flatMap(({ block }) => block.document ?? [])

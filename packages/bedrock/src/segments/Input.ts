/**
 * The input of an asynchronous invocation, in the format of each model that embeds in segments.
 *
 * https://docs.aws.amazon.com/nova/latest/userguide/embeddings-schema.html
 * https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-marengo-3.html
 */
import type * as Embedding from "@strata/core/embedding/Embedding"
import * as Duration from "effect/Duration"
import type * as Families from "../embedding/Families.ts"
import type * as Family from "../embedding/Family.ts"
import * as Nova from "../embedding/Nova.ts"
import type * as Media from "./Media.ts"

/** Content as the model gets it: in the request, or at a place in S3. */
export type Content =
  | { readonly kind: "text"; readonly text: string }
  | (Media.Format & ({ readonly base64: string } | { readonly uri: string }))

/** What is asked for, in the words of `BedrockAsync.Request`. */
export interface Wishes {
  readonly purpose: Embedding.Purpose
  readonly dimensions?: number | undefined
  readonly truncate: "none" | "start" | "end"
  readonly characters?: number | undefined
  readonly duration?: Duration.Duration | undefined
  readonly audioVideo: "combined" | "separate"
  readonly bucketOwner?: string | undefined
}

/**
 * - `inline`: the kinds of content that a request can hold, and their most characters or bytes.
 * - `stored`: the kinds that can be in S3. `needsOwner`: whether the account of the bucket has to be named then.
 */
export interface Model {
  readonly inline: Readonly<Partial<Record<Media.Kind, number>>>
  readonly stored: ReadonlyArray<Media.Kind>
  readonly needsOwner: boolean
  readonly encode: (content: Content, wishes: Wishes) => Family.Fields
}

const nova: Model = {
  // "Asynchronous operations can only accept S3 inputs", though the schema has texts of 8,192 characters
  inline: { text: 8_192 },
  stored: ["text", "image", "audio", "video"],
  needsOwner: false,
  encode: (content, { audioVideo, characters, dimensions, duration, purpose, truncate }) => ({
    taskType: "SEGMENTED_EMBEDDING",
    segmentedEmbeddingParams: {
      embeddingPurpose: Nova.purposes[purpose],
      embeddingDimension: dimensions,
      [content.kind]: {
        format: content.kind === "text" ? undefined : content.format,
        truncationMode: content.kind === "text" ? Nova.truncations[truncate] : undefined,
        value: "text" in content ? content.text : undefined,
        source: "uri" in content ? { s3Location: { uri: content.uri } } : undefined,
        embeddingMode: content.kind === "video"
          ? audioVideo === "combined" ? "AUDIO_VIDEO_COMBINED" : "AUDIO_VIDEO_SEPARATE"
          : undefined,
        segmentationConfig: content.kind === "image"
          ? undefined
          : content.kind === "text"
          ? { maxLengthChars: characters }
          : { durationSeconds: duration && Duration.toSeconds(duration) }
      }
    }
  })
}

const marengo = {
  // AWS takes 25 MB of a request, and base64 makes four bytes of three
  inline: { text: 100_000, image: 3_750_000, audio: 18_000_000, video: 18_000_000 },
  stored: ["image", "audio", "video"],
  needsOwner: true
} as const

const marengo2: Model = {
  ...marengo,
  encode: (content, { duration, truncate, ...wishes }) => ({
    inputType: content.kind,
    ...("text" in content
      ? { inputText: content.text, textTruncate: truncate === "end" ? "end" : "none" }
      : {
        mediaSource: mediaSource(content, wishes),
        useFixedLengthSec: content.kind === "image" ? undefined : duration && Duration.toSeconds(duration)
      })
  })
}

const marengo3: Model = {
  ...marengo,
  encode: (content, { duration, ...wishes }) => ({
    inputType: content.kind,
    [content.kind]: "text" in content ? { inputText: content.text } : {
      mediaSource: mediaSource(content, wishes),
      segmentation: duration === undefined || content.kind === "image"
        ? undefined
        : { method: "fixed", fixed: { durationSec: Duration.toSeconds(duration) } }
    }
  })
}

const mediaSource = (
  content: { readonly base64: string } | { readonly uri: string },
  { bucketOwner }: Pick<Wishes, "bucketOwner">
): Family.Fields =>
  "uri" in content ? { s3Location: { uri: content.uri, bucketOwner } } : { base64String: content.base64 }

/** The models that embed in segments, by family. */
export const models: ReadonlyMap<string, Model> = new Map<Families.Name, Model>([
  ["nova-2", nova],
  ["marengo-2.7", marengo2],
  ["marengo-3.0", marengo3]
])

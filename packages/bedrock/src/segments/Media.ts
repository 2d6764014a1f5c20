/** Media types of what is embedded in segments, and the names that the models have for them. */

/** What is embedded. */
export type Kind = "text" | "image" | "audio" | "video"

/** `format`: as Nova names it, and the extension of a file. */
export interface Format {
  readonly kind: Kind
  readonly format: string
}

/** The format of a media type, without its parameters; `undefined` for one that no model reads. */
export const formatOf = (mediaType: string): Format | undefined => {
  const plain = mediaType.split(";", 1).join("").trim().toLowerCase()
  return formats.get(plain) ?? (plain.startsWith("text/") ? { kind: "text", format: "txt" } : undefined)
}

const formats: ReadonlyMap<string, Format> = new Map(
  ([
    ["image", "png", ["image/png"]],
    ["image", "jpeg", ["image/jpeg", "image/jpg"]],
    ["image", "gif", ["image/gif"]],
    ["image", "webp", ["image/webp"]],
    ["audio", "mp3", ["audio/mpeg", "audio/mp3"]],
    ["audio", "wav", ["audio/wav", "audio/x-wav", "audio/vnd.wave"]],
    ["audio", "ogg", ["audio/ogg"]],
    ["video", "mp4", ["video/mp4"]],
    ["video", "mov", ["video/quicktime"]],
    ["video", "mkv", ["video/x-matroska", "video/matroska"]],
    ["video", "webm", ["video/webm"]],
    ["video", "flv", ["video/x-flv"]],
    ["video", "mpeg", ["video/mpeg"]],
    ["video", "wmv", ["video/x-ms-wmv"]],
    ["video", "3gp", ["video/3gpp"]]
  ] as const).flatMap(([kind, format, mediaTypes]) =>
    mediaTypes.map((mediaType): readonly [string, Format] => [mediaType, { kind, format }])
  )
)

/** All media types, for a remedy. */
export const mediaTypes: ReadonlyArray<string> = ["text/plain", ...formats.keys()]

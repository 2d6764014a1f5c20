/**
 * Buckets, their objects, and uploads in parts that are not complete yet.
 */
import type * as Checksum from "./Checksum.ts"
import type * as Content from "./Content.ts"

/** What a client says about an object: its media type, other headers of its content, and its own metadata. */
export interface Description {
  readonly headers: Readonly<Record<string, string>>
}

/**
 * An object.
 *
 * - `etag`: quoted, as on the wire. `lastModified`: milliseconds since 1970.
 * - `checksum`: the one it was uploaded with, or that of its parts.
 */
export interface StoredObject extends Description {
  readonly key: string
  readonly size: number
  readonly etag: string
  readonly lastModified: number
  readonly checksum: Checksum.Checksum | undefined
  readonly content: Content.Content
}

/** - `access`: `denied` refuses everybody, batch jobs too. `owner`: the account. `uploads`: by id. */
export interface Bucket {
  readonly name: string
  readonly region: string
  readonly owner: string
  readonly access: "granted" | "denied"
  readonly created: number
  readonly objects: Map<string, StoredObject>
  readonly uploads: Map<string, Upload>
}

/** A part, in memory. */
export interface Part {
  readonly number: number
  readonly etag: string
  readonly bytes: Uint8Array
  readonly checksum: string | undefined
  readonly lastModified: number
}

/** - `algorithm`: of the checksums of its parts. `initiated`: milliseconds since 1970. */
export interface Upload {
  readonly id: string
  readonly key: string
  readonly initiated: number
  readonly headers: Readonly<Record<string, string>>
  readonly algorithm: Checksum.Algorithm | undefined
  readonly parts: Map<number, Part>
}

/** The size that an entry of the store counts in addition to its content: of its key and its metadata. */
export const overhead = 512

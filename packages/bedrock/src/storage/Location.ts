/** Places in S3. */
import * as Check from "@strata/core/Check"

/** An object, or the front of the keys of several. */
export interface Location {
  readonly bucket: string
  readonly key: string
}

/** The URI of a location. */
export const toUri = ({ bucket, key }: Location): string => `s3://${bucket}/${key}`

/** A location below another. */
export const inside = ({ bucket, key }: Location, name: string): Location => ({ bucket, key: `${key}${name}` })

/** The location of a URI; `undefined` for any other text. */
export const parse = (uri: string): Location | undefined => {
  // https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
  const [, bucket, key = ""] = /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:\/(.*))?$/su.exec(uri) ?? []
  return bucket === undefined || key.length > 900 ? undefined : { bucket, key }
}

/** A folder: the key ends with a slash, unless it is the bucket itself. */
export const folder: Check.Check<Location> = (given, at) => {
  const remedy = "Write it like \"s3://my-bucket/batches/\""
  if (typeof given !== "string") return Check.refuseKind(at, given, remedy)
  const found = parse(given)
  if (found === undefined) return Check.refuse(at, "it is not the URI of a folder in S3", remedy)
  const { bucket, key } = found
  return { bucket, key: key === "" || key.endsWith("/") ? key : `${key}/` }
}

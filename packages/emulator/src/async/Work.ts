/**
 * What the models of asynchronous invocations share: the work that a body asks for, and what it is done with.
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type * as AwsError from "../AwsError.ts"
import type * as Answer from "../batch/Answer.ts"
import type * as Model from "../model/Model.ts"
import type * as Buckets from "../s3/Bucket.ts"
import type * as ObjectStore from "../s3/ObjectStore.ts"

/** - `folder`: the prefix of the output in its bucket. `answer`: a body of InvokeModel, by the same model. */
export interface Context<R> {
  readonly store: ObjectStore.ObjectStore
  readonly region: string
  readonly bucket: Buckets.Bucket
  readonly folder: string
  readonly model: Model.EmbeddingModel
  readonly answer: (input: unknown) => Effect.Effect<Answer.Answer, AwsError.AwsError, R>
}

/** Does what a body asks for, and writes its output. */
export type Work = <R>(context: Context<R>) => Effect.Effect<void, AwsError.AwsError, R>

/** Writes a JSON document, and returns its URI. */
export const writeJson = <R>({ bucket, folder, store }: Context<R>, name: string, value: unknown) =>
  Effect.as(
    store.put(bucket, `${folder}${name}`, new TextEncoder().encode(JSON.stringify(value)), { headers: json }),
    `s3://${bucket.name}/${folder}${name}`
  )

/** Writes a line for each value, and returns the URI. Nothing is left of it when the values fail. */
export const writeLines = <R>(
  { bucket, folder, store }: Context<R>,
  name: string,
  values: Stream.Stream<unknown, AwsError.AwsError, R>
) => {
  const writer = store.writer(bucket, `${folder}${name}`, json)
  return Stream.runForEach(values, (value) => writer.append(new TextEncoder().encode(`${JSON.stringify(value)}\n`)))
    .pipe(
      Effect.andThen(writer.complete),
      Effect.onError(() => writer.abort),
      Effect.as(`s3://${bucket.name}/${folder}${name}`)
    )
}

const json = { "content-type": "application/json" }

/**
 * The batch service of Amazon Bedrock, with the folders and the role that its jobs need.
 */
import type { BatchService, ProviderError } from "@strata/core"
import * as Flag from "effect/cli/Flag"
import * as Config from "effect/Config"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as CommandError from "../process/CommandError.ts"

/** Where the files of jobs are, and as whom Bedrock reads and writes them. */
export interface Place {
  readonly input: string
  readonly output: string
  readonly roleArn: string
  readonly region: string | undefined
  readonly profile: string | undefined
}

/** A service for a model; a test can put another in its place. */
export const Source: Context.Reference<
  (
    place: Place,
    model: string
  ) => Layer.Layer<BatchService.BatchService, ProviderError.InvalidRequestError | CommandError.CommandError>
> = Context.Reference("@strata/cli/batch/Source", {
  defaultValue: () => (place, model) =>
    Layer.unwrap(Effect.map(
      Effect.tryPromise({
        try: () => import("@strata/bedrock"),
        catch: (cause) => CommandError.failed("A part of @strata/cli cannot be loaded: install it again", cause)
      }),
      ({ BedrockBatch, BedrockClient }) => {
        const { input, output, profile, region, roleArn } = place
        return BedrockBatch.layer({ model, input, output, roleArn }).pipe(
          Layer.provide(BedrockClient.layer({
            ...(region !== undefined && { region }),
            ...(profile !== undefined && { profile })
          }))
        )
      }
    ))
})

const input = Flag.String("s3-input").pipe(
  Flag.withMetavar("S3URI"),
  Flag.withFallbackConfig(Config.String("STRATA_BATCH_INPUT")),
  Flag.withDescription("The folder for the rows, s3://bucket/in/ (STRATA_BATCH_INPUT)")
)

const output = Flag.String("s3-output").pipe(
  Flag.withMetavar("S3URI"),
  Flag.withFallbackConfig(Config.String("STRATA_BATCH_OUTPUT")),
  Flag.withDescription("The folder for the answers, s3://bucket/out/ (STRATA_BATCH_OUTPUT)")
)

const role = Flag.String("role").pipe(
  Flag.withMetavar("ARN"),
  Flag.withFallbackConfig(Config.String("STRATA_BATCH_ROLE")),
  Flag.withDescription("The role as which Bedrock reads and writes there (STRATA_BATCH_ROLE)")
)

/** The flags. */
export const flags = { s3Input: input, s3Output: output, role }

/** Asynchronous invocations of Bedrock Runtime, each function one attempt, with typed errors. */
import { GetAsyncInvokeCommand, StartAsyncInvokeCommand } from "@aws-sdk/client-bedrock-runtime"
import type * as ProviderError from "@strata/core/ProviderError"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import type * as BedrockClient from "../BedrockClient.ts"
import * as Siblings from "../client/siblings.ts"
import * as Failure from "../error/Failure.ts"
import * as Location from "../storage/Location.ts"

/** What to start: `input` is JSON. The same `token` gives the same invocation. */
export interface Start {
  readonly model: string
  readonly input: string
  readonly output: Location.Location
  readonly token: string
  readonly bucketOwner?: string | undefined
  readonly kmsKey?: string | undefined
  readonly tags?: Readonly<Record<string, string>> | undefined
}

/** An invocation; `message`: why it failed. `output`: the folder of its files, or one above it. */
export interface Described {
  readonly model: string
  readonly state: "running" | "completed" | "failed"
  readonly message: string | undefined
  readonly output: Location.Location | undefined
}

/** `start` gives the ARN of the invocation. */
export interface Invocations {
  readonly start: (start: Start) => Effect.Effect<string, ProviderError.CallError>
  readonly get: (arn: string) => Effect.Effect<Described, ProviderError.CallError>
}

/** Those of a client. */
export const make = ({ region, sdk }: BedrockClient.BedrockClient["Service"]): Invocations => ({
  start: ({ bucketOwner, input, kmsKey, model, output, tags, token }) =>
    Effect.flatMap(
      Siblings.call(sdk, { model, region, request: input }, (abortSignal) =>
        sdk.send(
          new StartAsyncInvokeCommand({
            modelId: model,
            modelInput: JSON.parse(input),
            clientRequestToken: token,
            outputDataConfig: {
              s3OutputDataConfig: {
                s3Uri: Location.toUri(output),
                ...(bucketOwner === undefined ? undefined : { bucketOwner }),
                ...(kmsKey === undefined ? undefined : { kmsKeyId: kmsKey })
              }
            },
            ...(tags === undefined ? undefined : { tags: Object.entries(tags).map(([key, value]) => ({ key, value })) })
          }),
          { abortSignal }
        )),
      ({ invocationArn }) =>
        Predicate.isString(invocationArn)
          ? Effect.succeed(invocationArn)
          : Effect.fail(Failure.malformed({ model, region }, "the answer names no invocation"))
    ),
  get: (arn) =>
    Effect.map(
      Siblings.call(
        sdk,
        { who: `invocation ${arn}`, region },
        (abortSignal) => sdk.send(new GetAsyncInvokeCommand({ invocationArn: arn }), { abortSignal })
      ),
      ({ failureMessage, modelArn, outputDataConfig, status }): Described => {
        const uri = outputDataConfig?.s3OutputDataConfig?.s3Uri
        return {
          model: Predicate.isString(modelArn) ? modelArn.slice(modelArn.lastIndexOf("/") + 1) : "unknown",
          state: status === "Completed" ? "completed" : status === "Failed" ? "failed" : "running",
          message: Predicate.isString(failureMessage) ? failureMessage : undefined,
          output: Predicate.isString(uri) ? Location.parse(uri) : undefined
        }
      }
    )
})

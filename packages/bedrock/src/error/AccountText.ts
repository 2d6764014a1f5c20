/**
 * Refusals that concern the account and not the request: the service sends them under various exception names, so the
 * text decides.
 */
import * as ProviderError from "@strata/core/ProviderError"
import * as Failure from "./Failure.ts"

/** The `PermissionDeniedError` with a remedy for a known text; `undefined` for any other. */
export const classify = (failure: Failure.Failure): ProviderError.PermissionDeniedError | undefined => {
  const remedy = remedies.find(([pattern]) => pattern.test(failure.raw))?.[1]
  return remedy === undefined ? undefined : new ProviderError.PermissionDeniedError(Failure.toFields(failure, remedy))
}

const remedies: ReadonlyArray<readonly [text: RegExp, remedy: string]> = [
  [/use case details/i, "Submit them once for the account, on the page of the model in the Bedrock console"],
  [
    /data retention mode/i,
    "Choose a data retention mode that the model supports, in the settings of Bedrock for this account and region, or use another model"
  ],
  [
    /payment instrument/i,
    "Add a valid payment method to the AWS account: this model is billed through AWS Marketplace"
  ],
  [
    /aws[- ]marketplace/i,
    "Allow aws-marketplace:ViewSubscriptions and aws-marketplace:Subscribe for the first call of the model in this account"
  ],
  [
    /unsupported (?:countr|region|territor|location)/i,
    "The vendor of the model does not serve the region the request came from: use another model"
  ],
  [/^operation not allowed/i, "New accounts cannot call Bedrock until AWS has verified them: ask AWS support"],
  [/access to the model/i, "Request access to it in the Bedrock console, in this region"]
]

/** Bedrock's name in errors, parts and telemetry, as OpenTelemetry spells it. */
export const providerName = "aws.bedrock"

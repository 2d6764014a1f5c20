/** Language and embedding models of effect/ai from the services of @strata/core, and the services from the models. */
export * as StrataAiError from "./StrataAiError.ts"
export * as StrataLanguageModel from "./StrataLanguageModel.ts"
export * as StrataMetadata from "./StrataMetadata.ts"

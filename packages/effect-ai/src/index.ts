/** Language and embedding models of effect/ai from the services of @strata/core, and the services from the models. */
export * as EffectAiChat from "./EffectAiChat.ts"
export * as EffectAiEmbedding from "./EffectAiEmbedding.ts"
export * as EffectAiTools from "./EffectAiTools.ts"
export * as StrataAiError from "./StrataAiError.ts"
export * as StrataDecisionModel from "./StrataDecisionModel.ts"
export * as StrataEmbeddingModel from "./StrataEmbeddingModel.ts"
export * as StrataLanguageModel from "./StrataLanguageModel.ts"
export * as StrataMetadata from "./StrataMetadata.ts"

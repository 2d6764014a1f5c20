/**
 * The models of the emulated account: what each of them refuses, and how a request names one.
 *
 * What is known of the models of Bedrock stands in `model/`, one file for each vendor or kind; a model of your own is made
 * with {@link chat}, {@link embedding} or {@link rerank}.
 */
export { type Catalog, catalog, defaults, type Model } from "./model/Catalog.ts"
export {
  type Caching,
  chat,
  type ChatModel,
  defaultMaxOutputTokens,
  type InputKind,
  type ThinkingMode,
  type ToolResultKind
} from "./model/ChatModel.ts"
export {
  embedding,
  type EmbeddingFamily,
  type EmbeddingModel,
  rerank,
  type RerankFamily,
  type RerankModel
} from "./model/InvokedModel.ts"
export { resolve, resolveCounted } from "./model/Resolution.ts"

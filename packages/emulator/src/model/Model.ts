/**
 * The models of the emulated account: their restrictions, and how a request names them.
 *
 * The models of Bedrock are in `model/`, one file for each vendor or kind; define others with {@link chat}, {@link
 * embedding} or {@link rerank}.
 */
export { type Catalog, catalog, defaults, type Model } from "./Catalog.ts"
export {
  type Caching,
  chat,
  type ChatModel,
  defaultMaxOutputTokens,
  type InputKind,
  type ThinkingMode,
  type ToolResultKind
} from "./ChatModel.ts"
export {
  embedding,
  type EmbeddingFamily,
  type EmbeddingModel,
  rerank,
  type RerankFamily,
  type RerankModel
} from "./InvokedModel.ts"
export { profilesOf, resolve, resolveAsync, resolveCounted } from "./Resolution.ts"

/**
 * The state of `@strata/core` in stores that processes share: Redis, SQL and files.
 *
 * Built on `effect/persistence`, which Effect marks as unstable: a minor release of Effect may change this package.
 */
export * as ChatCachePersistence from "./ChatCachePersistence.ts"
export * as ConversationPersistence from "./ConversationPersistence.ts"
export * as EmbeddingCachePersistence from "./EmbeddingCachePersistence.ts"
export * as RedisCluster from "./RedisCluster.ts"
export * as SharedState from "./SharedState.ts"
export * as SqliteClient from "./SqliteClient.ts"
export * as VectorStore from "./VectorStore.ts"

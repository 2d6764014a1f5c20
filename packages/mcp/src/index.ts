/**
 * The tools of MCP servers, over stdio and Streamable HTTP, as tools of `@strata/core`.
 *
 * Built on `effect/http` and `effect/process`, which Effect marks as unstable: a minor release of Effect may change this
 * package.
 */
export * as McpAuthentication from "./McpAuthentication.ts"
export * as McpError from "./McpError.ts"
export * as McpTools from "./McpTools.ts"

/**
 * OpenAI's format: its messages, tools and requests as those of `@strata/core`, both ways.
 */
export * as OpenAi from "./OpenAi.ts"

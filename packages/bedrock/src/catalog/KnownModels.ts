/**
 * Ids of models and of their inference profiles, for completion in editors. Any other string is a model id too:
 * availability depends on the account, the region and the date.
 */

type Claude =
  | "anthropic.claude-3-haiku-20240307-v1:0"
  | "anthropic.claude-3-5-haiku-20241022-v1:0"
  | "anthropic.claude-3-7-sonnet-20250219-v1:0"
  | "anthropic.claude-sonnet-4-20250514-v1:0"
  | "anthropic.claude-opus-4-20250514-v1:0"
  | "anthropic.claude-opus-4-1-20250805-v1:0"
  | "anthropic.claude-sonnet-4-5-20250929-v1:0"
  | "anthropic.claude-haiku-4-5-20251001-v1:0"
  | "anthropic.claude-sonnet-4-6"
  | "anthropic.claude-opus-4-6-v1"
  | "anthropic.claude-opus-4-7"
  | "anthropic.claude-opus-4-8"
  | "anthropic.claude-sonnet-5"
  | "anthropic.claude-opus-5"
  | "anthropic.claude-opus-5-5"
  | "anthropic.claude-fable-5"

type Nova =
  | "amazon.nova-micro-v1:0"
  | "amazon.nova-lite-v1:0"
  | "amazon.nova-pro-v1:0"
  | "amazon.nova-premier-v1:0"
  | "amazon.nova-2-lite-v1:0"

type Llama =
  | "meta.llama3-1-8b-instruct-v1:0"
  | "meta.llama3-1-70b-instruct-v1:0"
  | "meta.llama3-2-3b-instruct-v1:0"
  | "meta.llama3-2-90b-instruct-v1:0"
  | "meta.llama3-3-70b-instruct-v1:0"
  | "meta.llama4-maverick-17b-instruct-v1:0"
  | "meta.llama4-scout-17b-instruct-v1:0"

type Writer = "writer.palmyra-x4-v1:0" | "writer.palmyra-x5-v1:0"

/** Ids of chat models, with the geographies they are called through. */
export type KnownChatModel =
  | `${"us" | "eu" | "apac" | "jp" | "au" | "global"}.${Claude}`
  | `${"us" | "eu" | "apac"}.${Nova}`
  | `us.${Llama}`
  | `us.${Writer}`
  | "us.deepseek.r1-v1:0"
  | "us.mistral.pixtral-large-2502-v1:0"
  | "global.openai.gpt-5.6-terra"
  | Claude
  | Nova
  | Llama
  | "ai21.jamba-1-5-large-v1:0"
  | "ai21.jamba-1-5-mini-v1:0"
  | "amazon.titan-text-express-v1"
  | "cohere.command-r-v1:0"
  | "cohere.command-r-plus-v1:0"
  | "deepseek.v3-v1:0"
  | "deepseek.v3.2"
  | "google.gemma-3-27b-it"
  | "minimax.minimax-m2"
  | "mistral.devstral-2-123b"
  | "mistral.mistral-large-2402-v1:0"
  | "mistral.mistral-large-3-675b-instruct"
  | "mistral.mistral-small-2402-v1:0"
  | "moonshotai.kimi-k2.5"
  | "nvidia.nemotron-nano-12b-v2"
  | "nvidia.nemotron-super-3-120b"
  | "openai.gpt-oss-20b-1:0"
  | "openai.gpt-oss-120b-1:0"
  | "qwen.qwen3-32b-v1:0"
  | "qwen.qwen3-coder-480b-a35b-v1:0"
  | "qwen.qwen3-vl-235b-a22b"
  | "zai.glm-4.6"

type CohereEmbed4 = "cohere.embed-v4:0"

/** Ids of embedding models, with the geographies they are called through. */
export type KnownEmbeddingModel =
  | `${"us" | "eu" | "global"}.${CohereEmbed4}`
  | CohereEmbed4
  | "amazon.nova-2-multimodal-embeddings-v1:0"
  | "amazon.titan-embed-text-v1"
  | "amazon.titan-embed-text-v2:0"
  | "amazon.titan-embed-image-v1"
  | "cohere.embed-english-v3"
  | "cohere.embed-multilingual-v3"
  | `${"us" | "eu" | "apac"}.twelvelabs.marengo-embed-2-7-v1:0`
  | `${"us" | "eu"}.twelvelabs.marengo-embed-3-0-v1:0`
  | "twelvelabs.marengo-embed-3-0-v1:0"

/** Ids of models that rank documents. */
export type KnownRerankModel = "amazon.rerank-v1:0" | "cohere.rerank-v3-5:0"

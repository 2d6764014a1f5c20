/**
 * Content of a prompt that the model does not support.
 */
import * as AwsError from "../../AwsError.ts"
import * as Tokens from "../usage/Tokens.ts"
import { userThoughts } from "./Blocks.ts"
import { malformed, refused, refusedByModel, unsupported } from "./Finding.ts"
import { blocksOf, type Rule } from "./Rule.ts"

/** For the system prompt and the messages. */
export const rules: ReadonlyArray<Rule> = [
  {
    refuses: "a system prompt, for a model without one",
    source: "documented",
    *find({ model, request: { system = [] } }) {
      if (!model.system && system.length > 0) {
        yield refused(
          "This model doesn't support system messages. Try again without a system message or use a model that supports system messages."
        )
      }
      return undefined
    }
  },
  {
    refuses: "a message of role `system`, except for Claude 4.8 and later",
    source: "reported",
    *find({ model, request: { messages = [] } }) {
      if (!model.systemMessages && messages.some(({ role }) => role === "system")) {
        yield refused(
          "This model doesn't support the system role. Remove the messages with the system role and try again."
        )
      }
      return undefined
    }
  },
  {
    refuses: "images, documents, videos, audio or search results, for a model without support for them",
    source: "documented",
    *find({ model, request }) {
      for (const { block, role } of blocksOf(request)) {
        for (const kind of ["image", "document", "video", "searchResult", "audio"] as const) {
          const found = block[kind] ?? (kind === "image" ? block.guardContent?.image : undefined)
          if (found !== undefined && !model.inputs.includes(kind)) yield unsupported(kind, ` for ${role} messages`)
        }
      }
      return undefined
    }
  },
  {
    refuses: "media in a tool result, for a model without support for them there",
    source: "reported",
    *find({ model, request }) {
      for (const { block, role } of blocksOf(request)) {
        for (const item of block.toolResult?.content ?? []) {
          for (const kind of ["image", "document", "video", "searchResult"] as const) {
            if (item[kind] === undefined || model.toolResults.includes(kind)) continue
            yield model.inputs.includes(kind)
              ? unsupported(`toolResult.content.${kind}`)
              : unsupported(kind, ` for ${role} messages`)
          }
        }
      }
      return undefined
    }
  },
  {
    refuses: "a tool result without content, for Nova and Nemotron",
    source: "reported",
    *find({ model, request }) {
      for (const { at, block: { toolResult } } of blocksOf(request)) {
        if (toolResult === undefined || toolResult.content.length > 0 || model.emptyToolResults) continue
        yield model.rules === "nova"
          ? refusedByModel(
            malformed(`#/${at.replaceAll(".", "/")}/toolResult/content: expected minimum item count: 1, found: 0`)
          )
          : refused(`The content field at ${at}.toolResult cannot be empty.`, `${at}.toolResult`)
      }
      return undefined
    }
  },
  {
    refuses: "`status` on a tool result, for Writer's models",
    source: "reported",
    *find({ model, request }) {
      for (const { block: { toolResult } } of blocksOf(request)) {
        if (toolResult?.status !== undefined && !model.toolResultStatus) yield unsupported("toolResult.status")
      }
      return undefined
    }
  },
  {
    refuses: "reasoning, for a model without it, and for DeepSeek R1",
    source: "reported",
    *find({ model, request }) {
      for (const { block, role } of blocksOf(request)) {
        if (block.reasoningContent === undefined || model.reasoning !== "never") continue
        yield model.id.startsWith("deepseek.r1")
          ? userThoughts
          : unsupported("reasoningContent", ` for ${role} messages`)
      }
      return undefined
    }
  },
  {
    refuses: "signed reasoning, for a model without signatures",
    source: "reported",
    *find({ model, request }) {
      if (model.reasoning !== "unsigned") return undefined
      for (const { block: { reasoningContent } } of blocksOf(request)) {
        if (reasoningContent?.reasoningText?.signature !== undefined) {
          yield unsupported("reasoningContent.reasoningText.signature")
        }
        if (reasoningContent?.redactedContent !== undefined) yield unsupported("reasoningContent.redactedContent")
      }
      return undefined
    }
  },
  {
    refuses: "a prompt that is longer than the model's context",
    source: "recorded",
    *find({ model, request }) {
      if (model.contextTokens === undefined || Tokens.ofPrompt(request) <= model.contextTokens) return undefined
      yield model.rules === "nova"
        ? refusedByModel(
          "Input Tokens Exceeded: Number of input tokens exceeds maximum length. Please update the input to try again."
        )
        : AwsError.inputTooLong
      return undefined
    }
  }
]

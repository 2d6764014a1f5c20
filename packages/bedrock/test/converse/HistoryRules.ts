/** What Bedrock demands of a conversation, checked on the request as it is sent: the rules a history has broken. */
import type {
  ContentBlock,
  ConverseStreamCommandInput,
  Message,
  ToolResultBlock,
  ToolUseBlock
} from "@aws-sdk/client-bedrock-runtime"
import type * as ModelCatalog from "../../src/catalog/ModelCatalog.ts"

export const broken = (
  { messages = [], system = [], toolConfig }: ConverseStreamCommandInput,
  capabilities: ModelCatalog.Capabilities
): ReadonlyArray<string> => {
  const blocks = messages.flatMap(({ content = [] }) => content)
  const results = blocks.flatMap(({ toolResult }) => toolResult?.content ?? [])
  const calls = blocks.flatMap(({ toolUse }) => toolUse ?? [])
  const points = [...toolConfig?.tools ?? [], ...system, ...blocks].flatMap(({ cachePoint }) => cachePoint ?? [])
  const { caching, reasoningInHistory, userTurnsInARow } = capabilities
  const rules: Record<string, boolean> = {
    "the user begins": capabilities.leadingAssistant === true || spoken(messages)[0]?.role === "user",
    "the user ends where nothing is gone on from": capabilities.prefill !== false ||
      spoken(messages).at(-1)?.role === "user",
    "somebody speaks": spoken(messages).length > 0,
    "roles alternate": spoken(messages).every(({ role }, index, all) =>
      role !== all[index - 1]?.role || role === "user" && userTurnsInARow === true
    ),
    "no message is empty": messages.every(({ content = [] }) =>
      content.some((block) => block.cachePoint === undefined)
    ),
    "no text is blank": [...system, ...results].every(({ text }) => text === undefined || text.trim() !== "") &&
      messages.every(({ content = [], role }) =>
        content.some(isSealed) || content.every(({ text }, index) =>
          text === undefined || text.trim() !== "" ||
          role === "user" && caching?.behindBlankText === true && content[index + 1]?.cachePoint !== undefined &&
            content.some((block) => !block.cachePoint && block.text?.trim() !== "")
        )
      ),
    "a final answer does not end in blanks": endsWell(messages.at(-1)),
    "calls are answered next, all of them, in order": messages.every((message, index) => {
      const results = resultsOf(message)
      const asked = messages[index - 1] === undefined ? [] : callsOf(messages[index - 1])
      return JSON.stringify(results) === JSON.stringify(asked)
    }),
    "results come first": messages.every(({ content = [] }) => {
      const said = content.filter(({ cachePoint }) => cachePoint === undefined)
      return said.findLastIndex(isResult) < said.filter(isResult).length || said.some(isServerCall)
    }),
    "ids are acceptable": calls.every(({ toolUseId = "" }) =>
      /^[a-zA-Z0-9_.:-]{1,64}$/.test(toolUseId) && new RegExp(capabilities.toolCallIdPattern ?? "").test(toolUseId)
    ),
    "ids are unique": isUnique(calls.map(({ toolUseId }) => toolUseId)),
    "names are acceptable": calls.every(({ name = "" }) => /^[a-zA-Z0-9_-]{1,64}$/.test(name)),
    "arguments are objects": calls.every(isObject),
    "results say something": blocks.every(({ toolResult }) =>
      toolResult === undefined || (toolResult.content ?? []).length > 0
    ),
    "found pages say something": [...blocks, ...results].every((block) =>
      !("searchResult" in block) || block.searchResult === undefined || (block.searchResult.content ?? []).length > 0
    ),
    "tools are declared": toolConfig !== undefined || blocks.every((block) => !isResult(block) && !block.toolUse),
    "models without tools see none": capabilities.tools !== false || calls.length === 0,
    "document names are acceptable": documentsIn(blocks).every((name = "") =>
      /^[a-zA-Z0-9_ ()[\]-]{1,200}$/.test(name) && !name.includes("  ")
    ),
    "document names are unique": isUnique(documentsIn(blocks)),
    "documents have text beside them": messages.every(({ content = [] }) =>
      content.every(({ document }) => document === undefined) || content.some(({ text }) => text !== undefined)
    ),
    "no system prompt where there is none": capabilities.systemPrompt !== false || system.length === 0,
    "no instructions between turns": capabilities.midConversationSystem !== false ||
      messages.every(({ role }) => role !== "system"),
    "no status where none is taken": capabilities.toolResultStatus !== false ||
      blocks.every(({ toolResult }) => toolResult?.status === undefined),
    "results stand alone": capabilities.besideToolResults?.length !== 0 ||
      messages.every(({ content = [] }) =>
        !content.some(isResult) || content.every((block) => isResult(block) || block.cachePoint !== undefined)
      ),
    "no image in a result where none is taken": capabilities.imagesInToolResults !== false ||
      results.every(({ image }) => image === undefined),
    "no document in a result where none is taken": capabilities.documentsInToolResults !== false ||
      results.every(({ document }) => document === undefined),
    "no video in a result where none is taken": capabilities.videosInToolResults !== false ||
      results.every(({ video }) => video === undefined),
    "only reasoning the model takes back": blocks.every(({ reasoningContent }) =>
      reasoningContent === undefined || reasoningInHistory === undefined ||
      (reasoningInHistory === "signed" && (isSealed({ reasoningContent }))) ||
      (reasoningInHistory === "unsigned" && !isSealed({ reasoningContent }))
    ),
    "cache points only where they are taken": points.length === 0 || caching?.supported === true &&
        points.length <= (caching.maxPoints ?? Infinity) &&
        (caching.where?.includes("tools") !== false || (toolConfig?.tools ?? []).every((tool) => !tool.cachePoint)),
    "cache points ask for what is taken": points.every(({ ttl }, index) =>
      ttl === undefined || (caching?.ttl?.includes(ttl) ?? true) &&
        (ttl === "5m" || points.slice(0, index).every((before) => before.ttl === "1h"))
    ),
    "no cache point behind reasoning or a document other than PDF": messages.every(({ content = [] }) =>
      content.every(({ cachePoint }, index) => {
        const before = content[index - 1]
        return cachePoint === undefined || before?.reasoningContent === undefined &&
            (before?.document === undefined || before.document.format === "pdf")
      })
    )
  }
  return Object.entries(rules).flatMap(([rule, holds]) => holds ? [] : [rule])
}

const isSealed = ({ reasoningContent }: ContentBlock): boolean =>
  reasoningContent?.reasoningText?.signature !== undefined || reasoningContent?.redactedContent !== undefined

const spoken = (messages: ReadonlyArray<Message>) => messages.filter(({ role }) => role !== "system")

const isResult = ({ toolResult }: ContentBlock): boolean => toolResult !== undefined

const isServerCall = ({ toolUse }: ContentBlock): boolean => toolUse?.type !== undefined

const resultsOf = ({ content = [], role }: Message): ReadonlyArray<ToolResultBlock["toolUseId"]> =>
  role === "user" ? content.flatMap(({ toolResult }) => toolResult?.toolUseId ?? []) : []

const callsOf = (message: Message | undefined): ReadonlyArray<ToolUseBlock["toolUseId"]> =>
  (message?.content ?? []).flatMap(({ toolUse }) =>
    toolUse === undefined || toolUse.type !== undefined ? [] : toolUse.toolUseId ?? []
  )

const endsWell = (last: Message | undefined): boolean => {
  const said = last?.role === "assistant" ? last.content?.filter((block) => block.cachePoint === undefined) : undefined
  const text = said?.at(-1)?.text
  return text === undefined || text === text.trimEnd() || text.trim() === "" && said?.some(isSealed) === true
}

const documentsIn = (blocks: ReadonlyArray<ContentBlock>) =>
  blocks.flatMap(({ document, toolResult }) => [
    ...(document === undefined ? [] : [document.name]),
    ...(toolResult?.content ?? []).flatMap(({ document }) => document === undefined ? [] : [document.name])
  ])

const isObject = ({ input }: ToolUseBlock): boolean =>
  typeof input === "object" && input !== null && !Array.isArray(input)

const isUnique = (values: ReadonlyArray<unknown>): boolean => new Set(values).size === values.length

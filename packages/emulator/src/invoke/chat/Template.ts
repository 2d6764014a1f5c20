/**
 * Parses text prompts into turns, by the markers the model was trained on. A text without markers is a user message.
 */
import type * as Wire from "../../converse/Wire.ts"
import type * as Model from "../../model/Model.ts"

/** The markers that begin a turn, and its role. */
interface Template {
  readonly marks: RegExp
  readonly roleOf: (mark: string) => Wire.Message["role"] | undefined
  /** Text that is not part of any turn. */
  readonly noise: RegExp
}

/**
 * - `llama`: Llama 3 and 4, headers with the name of the role. `instruct`: Llama 2 and Mistral, `[INST]`.
 * - `titan`: `User:` and `Bot:` at the beginning of lines; `human`: Claude's `Human:` and `Assistant:`, likewise.
 * - `deepseek`: its own full-width markers.
 */
export const templates = {
  llama: {
    marks: /<\|(?:start_header_id\|>|header_start\|>)\w+<\|(?:end_header_id\|>|header_end\|>)/,
    roleOf: (mark) => roles[/>(\w+)</.exec(mark)?.[1] ?? ""],
    noise: /<\|(?:begin_of_text|end_of_text|eot_id|eom_id|eot|eom)\|>/g
  },
  instruct: {
    marks: /\[INST\]\s*<<SYS>>|<<\/SYS>>|\[INST\]|\[\/INST\]/,
    roleOf: (mark) => mark === "[/INST]" ? "assistant" : mark.endsWith("<<SYS>>") ? "system" : "user",
    noise: /<\/?s>/g
  },
  titan: {
    marks: /^[ \t]*(?:User|Bot):/m,
    roleOf: (mark) => mark.trim() === "Bot:" ? "assistant" : "user",
    noise: /(?!)/g
  },
  human: {
    marks: /^[ \t]*(?:Human|Assistant):/m,
    roleOf: (mark) => mark.trim() === "Assistant:" ? "assistant" : "user",
    noise: /(?!)/g
  },
  deepseek: {
    marks: /<｜(?:User|Assistant)｜>/,
    roleOf: (mark) => mark.includes("Assistant") ? "assistant" : "user",
    noise: /<｜(?:begin▁of▁sentence|end▁of▁sentence)｜>|<think>\s*$/g
  }
} as const satisfies Record<string, Template>

/**
 * The conversation in a prompt: instructions, and non-empty turns. Consecutive turns of one role are joined. For a
 * model without a system prompt (`system`), instructions become a user message.
 */
export const read = (
  prompt: string,
  template: keyof typeof templates,
  { system: instructible }: Pick<Model.ChatModel, "system">
): Pick<Wire.Request, "system" | "messages"> => {
  const system: Array<{ readonly text: string }> = []
  const messages: Array<Wire.Message> = []
  for (const turn of turns(prompt, templates[template])) {
    const { text } = turn
    const role = turn.role === "system" && !instructible ? "user" : turn.role
    if (text === "") continue
    const last = messages.at(-1)
    if (role === "system") system.push({ text })
    else if (last?.role === role) messages[messages.length - 1] = { role, content: [...last.content, { text }] }
    else messages.push({ role, content: [{ text }] })
  }
  return messages.some(({ role }) => role === "user")
    ? { ...(system.length === 0 ? undefined : { system }), messages }
    : { messages: [{ role: "user", content: [{ text: prompt }] }] }
}

interface Turn {
  readonly role: Wire.Message["role"]
  readonly text: string
}

/** Text before the first marker is an instruction. */
const turns = (prompt: string, { marks, noise, roleOf }: Template): ReadonlyArray<Turn> => {
  const found = [...prompt.matchAll(new RegExp(marks.source, marks.flags.includes("m") ? "gm" : "g"))]
  const textBetween = (from: number, to: number) => prompt.slice(from, to).replace(noise, "").trim()
  const [first] = found
  return [
    { role: first === undefined ? "user" : "system", text: textBetween(0, first?.index ?? prompt.length) },
    ...found.map((mark, index) => ({
      role: roleOf(mark[0]) ?? "user",
      text: textBetween(mark.index + mark[0].length, found[index + 1]?.index ?? prompt.length)
    }))
  ]
}

const roles: Readonly<Record<string, Wire.Message["role"]>> = {
  system: "system",
  user: "user",
  assistant: "assistant",
  // a tool result
  ipython: "user"
}

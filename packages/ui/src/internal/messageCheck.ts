/** The form of the messages of a page. */
import * as Check from "@strata/core/Check"
import type * as UiMessage from "../UiMessage.ts"

type Json = { readonly [key: string]: unknown }

export const message: Check.Check<UiMessage.UiMessage> = (given, at) => {
  // A plain copy: from here on nothing is read twice, and nothing throws.
  const copy = Check.jsonObject("Give a message of `useChat`")(given, at)
  if (copy === Check.refused) return copy
  const isRefused = Check.part(Check.text, copy, "id", at) === Check.refused ||
    Check.part(role, copy, "role", at) === Check.refused ||
    Check.part(parts, copy, "parts", at) === Check.refused
  return isRefused ? Check.refused : copy as object as UiMessage.UiMessage // its fields have just been checked
}

export const messages: Check.Check<ReadonlyArray<UiMessage.UiMessage>> = Check.list(message, {
  most: 100_000,
  remedy: "Give the `messages` of `useChat`"
})

const role = Check.word(["system", "user", "assistant"])

const part: Check.Check<Json> = (given, at) => {
  const copy = given as Json // of a plain copy
  const kind = isObject(given) ? Check.part(Check.filled, copy, "type", at) : Check.refuseKind(at, given, "Give a part")
  if (kind === Check.refused) return kind
  return requiredOf(kind).some(([key, check]) => Check.part(check, copy, key, at) === Check.refused)
    ? Check.refused
    : copy
}

const parts = Check.list(part, { most: 100_000, remedy: "Give the parts of the message" })

const requiredOf = (kind: string): ReadonlyArray<readonly [key: string, check: Check.Check<unknown>]> =>
  kind === "dynamic-tool"
    ? [["toolName", Check.filled], ...call]
    : kind === "tool-"
    ? [["toolName", (_, at) => Check.refuse(at, "the type has no name of a tool", "Use `tool-` and the name")]]
    : kind.startsWith("tool-")
    ? call
    : Object.hasOwn(fields, kind)
    ? fields[kind]!
    : []

const maybe = <A>(check: Check.Check<A>): Check.Check<A | undefined> => (given, at) =>
  given === null ? undefined : Check.optional(check)(given, at)

const approval: Check.Check<unknown> = (given, at) =>
  !isObject(given)
    ? Check.refuseKind(at, given, "Give the approval of the part")
    : [["id", Check.text] as const, ["approved", maybe(Check.flag)] as const, ["reason", maybe(Check.text)] as const]
        .some(([key, check]) => Check.part<unknown>(check, given, key, at) === Check.refused)
    ? Check.refused
    : given

const call: ReadonlyArray<readonly [key: string, check: Check.Check<unknown>]> = [
  ["toolCallId", Check.text],
  ["state", Check.text],
  ["errorText", maybe(Check.text)],
  ["providerExecuted", maybe(Check.flag)],
  ["approval", maybe(approval)]
]

const fields: { readonly [type: string]: typeof call } = {
  text: [["text", Check.text]],
  reasoning: [["text", Check.text]],
  file: [["mediaType", Check.text], ["url", Check.text], ["filename", maybe(Check.text)]]
}

const isObject = (given: unknown): given is Json => typeof given === "object" && given !== null && !Array.isArray(given)

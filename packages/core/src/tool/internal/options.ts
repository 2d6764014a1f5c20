/** Checks of the options of tool loops. */
import type * as Message from "../../chat/Message.ts"
import * as Check from "../../Check.ts"
import * as Tool from "../Tool.ts"
import type * as ToolOptions from "../ToolOptions.ts"

type Messages = ReadonlyArray<Message.Message>

const count = Check.optional(Check.number({ min: 0, remedy: "Use a number from 1" }))

type Any = ToolOptions.Options<ReadonlyArray<Tool.Any>, unknown, unknown, unknown, unknown, unknown, unknown>

const fields: Check.Fields<Omit<Any, "id">> = {
  tools: Check.list(Tool.check, { remedy: "Give an array of tools, made with `Tool.make`" }),
  maxSteps: count,
  concurrency: count,
  prepareStep: Check.optional(Check.callback()),
  onStep: Check.optional(Check.callback()),
  save: Check.optional(Check.callback())
}

export const options = Check.struct<Any>({ ...fields, id: Check.optional(Check.filled) }, {
  remedy: "Give an object with `tools`"
})

export const resumeOptions = Check.struct<
  ToolOptions.ResumeOptions<ReadonlyArray<Tool.Any>, unknown, unknown, unknown, unknown, unknown, unknown>
>({
  ...fields,
  // An array is checked as that of a request is.
  messages: Check.optional((given, at) => typeof given === "string" ? Check.filled(given, at) : given as Messages),
  allowModelChange: Check.optional(Check.flag)
}, { remedy: "Give an object with `tools`", instead: { id: "The state has it: leave it out" } })

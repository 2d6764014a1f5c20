import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import * as Template from "../../src/invoke/chat/Template.ts"

const said = (role: "user" | "assistant", text: string) => ({ role, content: [{ text }] })

const Words = Schema.String.check(Schema.isPattern(/^[a-z]([a-z \n]{0,20}[a-z])?$/))

const header = (role: string, text: string) => `<|start_header_id|>${role}<|end_header_id|>\n\n${text}<|eot_id|>`

describe("Template", () => {
  it("reads a text without markers as a user message", () => {
    for (const template of ["llama", "instruct", "titan", "deepseek"] as const) {
      assert.deepStrictEqual(Template.read(" Hi\n", template, { system: true }), { messages: [said("user", "Hi")] })
    }
  })

  it("keeps a text whose markers leave no user message", () => {
    assert.deepStrictEqual(Template.read("[INST][/INST]", "instruct", { system: true }), {
      messages: [said("user", "[INST][/INST]")]
    })
  })

  it("reads instructions of Llama 2 and Mistral", () => {
    const prompt = "<s>[INST] <<SYS>>\nBe brief\n<</SYS>>\n\nHi [/INST] Hello</s>[INST] And? [/INST]"
    assert.deepStrictEqual(Template.read(prompt, "instruct", { system: true }), {
      system: [{ text: "Be brief" }],
      messages: [said("user", "Hi"), said("assistant", "Hello"), said("user", "And?")]
    })
  })

  it("converts instructions to a user message for a model without system prompts", () => {
    assert.deepStrictEqual(Template.read("Be brief\nUser: Hi\nBot:", "titan", { system: false }), {
      messages: [{ role: "user", content: [{ text: "Be brief" }, { text: "Hi" }] }]
    })
  })

  it("reads headers of Llama 4", () => {
    const prompt =
      "<|begin_of_text|><|header_start|>user<|header_end|>\n\nHi<|eot|><|header_start|>assistant<|header_end|>\n\n"
    assert.deepStrictEqual(Template.read(prompt, "llama", { system: true }), { messages: [said("user", "Hi")] })
  })

  it.prop(
    "parses the conversation it formatted",
    [Words, Schema.Array(Schema.Tuple([Words, Words])), Words],
    ([system, turns, last]) => {
      const messages = [
        ...turns.flatMap(([asked, told]) => [said("user", asked), said("assistant", told)]),
        said("user", last)
      ]
      const written = {
        llama: `<|begin_of_text|>${header("system", system)}${
          turns.map(([asked, told]) => header("user", asked) + header("assistant", told)).join("")
        }${header("user", last)}<|start_header_id|>assistant<|end_header_id|>\n\n`,
        titan: `${system}\n${
          turns.map(([asked, told]) => `User: ${asked}\nBot: ${told}\n`).join("")
        }User: ${last}\nBot:`,
        deepseek: `<｜begin▁of▁sentence｜>${system}${
          turns.map(([asked, told]) => `<｜User｜>${asked}<｜Assistant｜>${told}<｜end▁of▁sentence｜>`).join("")
        }<｜User｜>${last}<｜Assistant｜><think>\n`
      }
      for (const template of ["llama", "titan", "deepseek"] as const) {
        assert.deepStrictEqual(Template.read(written[template], template, { system: true }), {
          system: [{ text: system }],
          messages
        })
      }
    },
    { arbitrary: { runs: 50 } }
  )
})

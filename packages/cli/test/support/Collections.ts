/** `strata embed` and `strata search` in this process, with what they send. */
import { Embedding, ProviderError } from "@strata/core"
import { TestChat, TestEmbedding } from "@strata/core/testing"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as InProcess from "./InProcess.ts"

/** - `refuse`: a word: texts with it are refused; or an error for all of them. `onSend`: is called for each text. */
export interface Options extends Omit<InProcess.Options, "services"> {
  readonly refuse?: string | ProviderError.EmbeddingError | undefined
  readonly onSend?: (() => void) | undefined
}

/** What a run wrote, its report with `--json`, and the texts it sent. */
export interface Ended extends InProcess.Ended {
  readonly sent: ReadonlyArray<string>
}

/** Runs the command below a folder, with the index in it. */
export const run = Effect.fnUntraced(function*(
  root: string,
  [name = "", ...args]: ReadonlyArray<string>,
  options: Options = {}
) {
  const sent: Array<string> = []
  const embedding = TestEmbedding.layer({
    refuse: (input) => {
      const text = Embedding.textOf(input) ?? ""
      sent.push(text)
      options.onSend?.()
      if (typeof options.refuse !== "string") return options.refuse ?? false
      return text.includes(options.refuse)
    }
  })
  const services = Layer.merge(TestChat.layer(), embedding).pipe(Layer.orDie)
  const place = args.includes("--index") ? [] : ["--index", `${root}/index.db`]
  const base = name === "embed" && !args.includes("--root") ? ["--root", root] : []
  const ended = yield* InProcess.run([name, ...args, ...place, ...base], { ...options, services })
  return { ...ended, sent } satisfies Ended
})

/** What `strata embed --json` reports. */
export const report = ({ error, out }: Ended) => {
  const parsed: {
    readonly embedded: number
    readonly chunks: number
    readonly unchanged: number
    readonly removed: number
    readonly failed: ReadonlyArray<{ readonly source: string; readonly message: string }>
    readonly pagesWithoutText: ReadonlyArray<{ readonly source: string; readonly emptyPages: ReadonlyArray<number> }>
    readonly skipped: Readonly<Record<string, number>>
  } = JSON.parse(out === "" ? `{"nothing":${JSON.stringify(error)}}` : out)
  return parsed
}

/** Sources, positions and texts of all chunks. */
export const chunks = (root: string, question = "text", ...args: ReadonlyArray<string>) =>
  Effect.map(
    run(root, ["search", question, "-k", "100000", "--json", "-q", ...args]),
    ({ out }) =>
      out.trimEnd().split("\n").filter((line) => line !== "").map((line): {
        readonly source: string
        readonly position: number
        readonly text: string
        readonly citation: string
        readonly score: number
      } => JSON.parse(line))
  )

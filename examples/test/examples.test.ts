import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import * as Fs from "node:fs"
import * as Agent from "../agent.ts"
import * as AnswerCache from "../answer-cache.ts"
import * as DocumentsAndCitations from "../documents-and-citations.ts"
import * as EmbedStream from "../embed-stream.ts"
import * as EmbeddingCache from "../embedding-cache.ts"
import * as Embeddings from "../embeddings.ts"
import * as Errors from "../errors.ts"
import * as HttpEndpoint from "../http-endpoint.ts"
import * as ImageAndDocument from "../image-and-document.ts"
import * as Pool from "../pool.ts"
import * as PromptCaching from "../prompt-caching.ts"
import * as Reasoning from "../reasoning.ts"
import * as Rerank from "../rerank.ts"
import * as Provider from "../src/Provider.ts"
import * as Stream from "../stream.ts"
import * as StructuredOutput from "../structured-output.ts"
import * as Tools from "../tools.ts"
import * as Example from "./Example.ts"

layer(Provider.local, { excludeTestServices: true })("examples", (it) => {
  it.effect.each(Example.names)(
    "%s exports what `pnpm example` runs, and runs by itself",
    (name) =>
      Effect.gen(function*() {
        const { main } = yield* Effect.promise<{ readonly main: unknown }>(() => import(`../${name}.ts`))
        assert.isTrue(Effect.isEffect(main))
        assert.match(Fs.readFileSync(`${Example.directory}/${name}.ts`, "utf8"), /^if \(import\.meta\.main\) /m)
      })
  )

  it.effect("lambda answers twice with one runtime, and says in time that there is none left", () =>
    Effect.gen(function*() {
      const output = yield* Example.node("lambda.ts")
      assert.match(output, /^200 .+\n200 .+\n504 .+$/m)
    }))

  it.effect("the handler of lambda is the program of the README and of the recipe", () =>
    Effect.sync(() => {
      const file = Fs.readFileSync(`${Example.directory}/src/lambda/handler.ts`, "utf8")
      const program = file.slice(file.indexOf("import ")).trim()
      for (const page of ["packages/bedrock/README.md", "docs/src/content/docs/recipes/lambda.md"]) {
        assert.include(Fs.readFileSync(`${Example.directory}/../${page}`, "utf8"), program)
      }
    }))

  it.effect("chat answers and tells what it cost, as a process of its own", () =>
    Effect.gen(function*() {
      const output = yield* Example.node("chat.ts")
      assert.include(output, "Air scatters the blue in sunlight")
      assert.match(output, /us\.amazon\.nova-lite-v1:0: \d+ tokens in, \d+ out, stop/)
    }))

  it.effect("pool answers everything, also from the region that was down at first", () =>
    Effect.gen(function*() {
      const output = yield* Example.output(Pool.main)
      assert.match(output, /^120 answers in [\d.]+ s$/m)
      for (const region of ["us-east-1", "us-west-2", "eu-west-1"]) {
        assert.match(output, new RegExp(`^ {2}${region}: [1-9]\\d* answers, \\d+ tokens$`, "m"))
      }
    }))

  it.effect("agent uses the services of its tools, and stops at its limit of steps", () =>
    Effect.gen(function*() {
      const output = yield* Example.output(Agent.main)
      assert.match(output, /2\. cancel_order: "Order A1 is cancelled"/)
      assert.match(output, /2\. cancel_order: failed, "Order A2 is 20 days old/)
      assert.include(output, "1 of the orders is cancelled; 1 is too old for that.")
      assert.match(output, /5\. find_orders: \{"orders":\[\]\}\nStopped: max-steps/)
      assert.match(output, /^\$0\.00\d+ of \$0\.002 spent$/m)
    }))

  it.effect("http-endpoint streams, has a status for each failure, and is interrupted by a client that leaves", () =>
    Effect.gen(function*() {
      const output = yield* Example.output(HttpEndpoint.main)
      const [sky, blank, busy, story] = output.split(/^\? .*$/m).slice(1)
      assert.match(sky!, /^ {2}200\n {2}data: "Air "\n[^]*event: end\n/m)
      assert.match(blank!, /^ {2}400\n.*the user message is empty/m)
      assert.match(busy!, /^ {2}429, retry after 3 s\n {2}\{"message":"Busy"\}$/m)
      assert.match(story!, /^ {2}200\n {2}data: .*\n {2}data: .*\n {2}the client has left/m)
    }))

  it.effect("stream shows the answer word by word", () =>
    Effect.gen(function*() {
      const output = yield* Example.output(Stream.main)
      assert.include(output, "The museum opens at noon on Sundays")
      assert.match(output, /stop, \d+ tokens/)
    }))

  it.effect("embeddings ranks the text about passwords first", () =>
    Effect.gen(function*() {
      const [first] = (yield* Example.output(Embeddings.main)).split("\n")
      assert.include(first, "reset your password")
    }))

  it.effect("embedding-cache asks for nothing twice", () =>
    Effect.gen(function*() {
      const output = yield* Example.output(EmbeddingCache.main)
      assert.include(output, "monday: 3 vectors, 3 requests")
      assert.include(output, "tuesday: 4 vectors, 1 requests")
      assert.include(output, "wednesday: 4 vectors, 0 requests, 0 tokens")
    }))

  it.effect("answer-cache pays for one of twenty answers", () =>
    Effect.gen(function*() {
      const output = yield* Example.output(AnswerCache.main)
      assert.match(output, /20 answers, 1 paid for: .*On Sundays it opens at noon/)
      assert.include(output, "streamed, cached: true, cost: 0")
    }))

  it.effect("rerank puts what helps with a forgotten password first", () =>
    Effect.gen(function*() {
      const [first, ...others] = (yield* Example.output(Rerank.main)).trim().split("\n")
      assert.match(first ?? "", /^\d\.\d\d  Sign in: /)
      assert.lengthOf(others, 2)
    }))

  it.effect("errors tells what went wrong and what to do", () =>
    Effect.gen(function*() {
      const output = yield* Example.output(Errors.main)
      assert.include(output, "Our mistake: messages[0].content")
      assert.include(output, "\"The provided model identifier is invalid.\" (request ")
      assert.include(output, "Hello from a model with a profile.")
    }))

  it.effect("test-layers answers without a model, run by its name", () =>
    Effect.gen(function*() {
      const output = yield* Example.node("example.ts", "test-layers")
      assert.include(output, "A fox gives up on grapes.")
      assert.include(output, "so the text came back: A short story.")
    }))

  it.effect("tools runs what the model asks for, and tells it what failed", () =>
    Effect.gen(function*() {
      const output = yield* Example.output(Tools.main)
      assert.include(output, "get_weather({\"city\":\"Rome\"}) → {\"city\":\"Rome\",\"celsius\":31}")
      assert.include(output, "failed: \"No station in Atlantis\"")
      assert.include(output, "1 of the 3 cities is unknown")
      assert.match(output, /2 steps, \d+ tokens/)
    }))

  it.effect("structured-output repairs an answer and shows another one grow", () =>
    Effect.gen(function*() {
      const output = yield* Example.output(StructuredOutput.main)
      assert.include(output, "Pancakes, 20 minutes, 2 ingredients")
      const partials = output.split("\n").filter((line) => line.startsWith("… "))
      assert.isAbove(partials.length, 2)
      assert.lengthOf(new Set(partials), partials.length)
      assert.include(output, "done: Pancakes")
    }))

  it.effect("documents-and-citations points to where its answers stand", () =>
    Effect.gen(function*() {
      const output = yield* Example.output(DocumentsAndCitations.main)
      assert.include(output, "library rules, piece 2: \"Late books cost ten cents a day.\"")
    }))

  it.effect("image-and-document reads a bill and a policy together", () =>
    Effect.gen(function*() {
      const output = yield* Example.output(ImageAndDocument.main)
      assert.include(output, "✗ Minibar          21.50  never paid for (rule 3)")
      assert.include(output, "Paid: CHF 407.60")
    }))

  it.effect("reasoning sends the thoughts back with their seal", () =>
    Effect.gen(function*() {
      const output = yield* Example.output(Reasoning.main)
      assert.include(output, "(thinks) x + (x + 1.00) = 1.10")
      assert.include(output, "the seal \"c2VhbGVk\" is mine")
    }))

  it.effect("prompt-caching reads a prefix from the cache the second time", () =>
    Effect.gen(function*() {
      const output = yield* Example.output(PromptCaching.main)
      assert.match(output, /[1-9]\d* written to the cache, 0 from it/)
      assert.match(output, /0 written to the cache, [1-9]\d* from it/)
    }))

  it.effect("embed-stream keeps every line with its vector, and reads no faster than it embeds", () =>
    Effect.gen(function*() {
      const output = yield* Example.output(EmbedStream.main)
      assert.include(output, "300/300")
      assert.match(output, / 60 like line 3: Backup number 3 /)
      assert.match(output, / 1 like line 137: Disk .* is full/)
      assert.match(output, / 1 like line 251: The certificate .* expires/)
      assert.match(output, /300 lines of 7 kinds, 300 requests, \d+ tokens/)
      const inFlight = Number(/never more than (\d+) lines in flight/.exec(output)?.[1])
      assert.isAtMost(inFlight, 64)
    }))
})

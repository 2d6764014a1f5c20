// An MCP server over stdio, written by hand, that misbehaves as its first argument says.
import { spawn } from "node:child_process"
import { createInterface } from "node:readline"

const [mode, argument] = process.argv.slice(2)
const send = (message) => process.stdout.write(`${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`)
const log = (text) => process.stderr.write(`${text}\n`)

if (mode === "dies-at-start") {
  log("cannot find the configuration")
  process.exit(7)
}
if (mode === "banner") {
  process.stdout.write("Welcome to the server!\n\u001b[32mready\u001b[0m\n{\"level\":\"info\"}\n[1,2]\n\n")
}
if (mode === "stubborn") {
  const ignoring = "process.on('SIGTERM', () => {}); process.stdin.resume(); setInterval(() => {}, 1000)"
  const grandchild = spawn(process.execPath, ["-e", ignoring], { stdio: ["ignore", "inherit", "inherit"] })
  log(`grandchild ${grandchild.pid}`)
  process.on("SIGTERM", () => {})
  setInterval(() => {}, 1000)
}
if (mode === "wrapper") {
  // As `npx` does it: this process ends with its stdin, and what it started stays.
  const grandchild = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"], { stdio: "ignore" })
  grandchild.unref()
  log(`grandchild ${grandchild.pid}`)
}

const seen = []
createInterface({ input: process.stdin }).on("line", (line) => {
  const { id, method, params } = JSON.parse(line)
  seen.push({ method, params })
  switch (method) {
    case "initialize":
      if (mode === "silent") return
      return send({
        id,
        result: {
          protocolVersion: params.protocolVersion,
          capabilities: { tools: {} },
          serverInfo: { name: mode, version: "1" }
        }
      })
    case "tools/list":
      return send({ id, result: { tools: [{ name: "work", inputSchema: { type: "object" } }] } })
    case "tools/call":
      return call(id, params)
  }
})

const call = (id, { _meta, arguments: given = {} }) => {
  const text = (text) => send({ id, result: { content: [{ type: "text", text }] } })
  switch (given.do) {
    case "die":
      log("the disk is full")
      log("giving up")
      return setTimeout(() => process.exit(3), 20)
    case "answer-and-die":
      text("the last answer")
      return process.exit(0)
    case "hang":
      return
    case "progress": {
      let progress = 0
      const timer = setInterval(() => {
        send({
          method: "notifications/progress",
          params: { progressToken: _meta?.progressToken, progress: ++progress }
        })
        if (progress < given.times) return
        clearInterval(timer)
        text(`done after ${progress}`)
      }, given.every)
      return
    }
    case "seen":
      return text(JSON.stringify(seen))
    case "environment":
      return text(JSON.stringify(process.env))
    case "flood":
      process.stdout.write("x".repeat(given.size))
      return
    case "ask":
      send({ id: "s1", method: "ping" })
      send({ id: "s2", method: "sampling/createMessage", params: {} })
      return setTimeout(() => text("asked"), 50)
    default:
      return text(argument ?? "worked")
  }
}

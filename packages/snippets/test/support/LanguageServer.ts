/** The language server of the compiler, asked about one file as an editor asks it. */
import * as Process from "node:child_process"
import * as Url from "node:url"
import * as ModuleCompiler from "./ModuleCompiler.ts"

export interface LanguageServer {
  readonly request: (method: string, params: unknown) => Promise<unknown>
  readonly notify: (method: string, params: unknown) => void
  readonly close: () => void
}

/** Starts a server for a folder. */
export const start = async (folder: string): Promise<LanguageServer> => {
  const server = Process.spawn(ModuleCompiler.tsc, ["--lsp", "--stdio"], {
    cwd: folder,
    stdio: ["pipe", "pipe", "ignore"]
  })
  const waiting = new Map<
    number,
    { readonly resolve: (result: unknown) => void; readonly reject: (error: unknown) => void }
  >()
  let bytes = Buffer.alloc(0)
  let last = 0
  const write = (message: object) => {
    const body = JSON.stringify({ jsonrpc: "2.0", ...message })
    server.stdin.write(`Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`)
  }
  server.stdout.on("data", (chunk: Buffer) => {
    bytes = Buffer.concat([bytes, chunk])
    for (;;) {
      const end = bytes.indexOf("\r\n\r\n")
      const length = Number(/Content-Length: (\d+)/i.exec(bytes.subarray(0, Math.max(end, 0)).toString())?.[1])
      if (end < 0 || bytes.length < end + 4 + length) return
      const message = JSON.parse(bytes.subarray(end + 4, end + 4 + length).toString())
      bytes = bytes.subarray(end + 4 + length)
      if (message.method !== undefined) {
        // Of what the server asks its client, nothing is known here.
        if (message.id !== undefined) write({ id: message.id, result: message.params?.items?.map(() => null) ?? null })
        continue
      }
      const request = waiting.get(message.id)
      waiting.delete(message.id)
      if (message.error === undefined) request?.resolve(message.result)
      else request?.reject(new Error(message.error.message))
    }
  })
  const request = (method: string, params: unknown) =>
    new Promise((resolve, reject) => {
      const id = ++last
      waiting.set(id, { resolve, reject })
      write({ id, method, params })
    })
  const notify = (method: string, params: unknown) => write({ method, params })
  await request("initialize", {
    processId: process.pid,
    rootUri: Url.pathToFileURL(folder).href,
    capabilities: { textDocument: { hover: { contentFormat: ["markdown"] }, completion: {} } }
  })
  notify("initialized", {})
  return { request, notify, close: () => server.kill() }
}

/** What an editor asks at the sign `|` of a text: completions, and the hover. */
export const ask = async (server: LanguageServer, file: string, text: string) => {
  const before = text.slice(0, text.indexOf("|")).split("\n")
  const position = { line: before.length - 1, character: before.at(-1)!.length }
  const textDocument = { uri: Url.pathToFileURL(file).href }
  server.notify("textDocument/didOpen", {
    textDocument: { ...textDocument, languageId: "typescript", version: 1, text: text.replace("|", "") }
  })
  return {
    completions: async (): Promise<ReadonlyArray<string>> => {
      const answer = await server.request("textDocument/completion", { textDocument, position })
      const items = Array.isArray(answer)
        ? answer
        : (answer as { items?: Array<{ label: string }> } | null)?.items ?? []
      return items.map(({ label }: { label: string }) => label)
    },
    hover: async (): Promise<string> => {
      const answer = await server.request("textDocument/hover", { textDocument, position }) as
        | { contents: { value: string } }
        | null
      return answer?.contents.value ?? ""
    }
  }
}

/**
 * Serves `dist`, as any server of static files does: `node site/serve.ts [port]`.
 */
import * as Fs from "node:fs"
import * as Http from "node:http"
import type { AddressInfo } from "node:net"
import * as Path from "node:path"

const root = Path.resolve(import.meta.dirname, "../dist")

const types: Record<string, string> = {
  ".css": "text/css",
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".json": "application/json",
  ".md": "text/markdown; charset=utf-8",
  ".png": "image/png",
  ".svg": "image/svg+xml",
  ".txt": "text/plain; charset=utf-8",
  ".wasm": "application/wasm",
  ".xml": "text/xml"
}

/** The file of a path of the site, if there is one. */
export const fileOf = (pathname: string): string | undefined => {
  const path = Path.join(root, Path.posix.normalize(`/${decodeURIComponent(pathname)}`))
  const file = Fs.existsSync(path) && Fs.statSync(path).isDirectory() ? Path.join(path, "index.html") : path
  return Fs.existsSync(file) ? file : undefined
}

/** Listens on 127.0.0.1; any free port by default. */
export const serve = async (port = 0): Promise<{ readonly url: string; readonly close: () => void }> => {
  const server = Http.createServer((request, response) => {
    const file = fileOf(new URL(request.url ?? "/", "http://127.0.0.1").pathname)
    response.writeHead(file === undefined ? 404 : 200, {
      "content-type": types[Path.extname(file ?? ".html")] ?? "application/octet-stream"
    })
    response.end(Fs.readFileSync(file ?? Path.join(root, "404.html")))
  })
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve))
  // Of a server that listens to a port, this is an object.
  const address = server.address() as AddressInfo
  return { url: `http://127.0.0.1:${address.port}`, close: () => void server.close() }
}

if (import.meta.main) console.log((await serve(Number(process.argv[2] ?? 4321))).url)

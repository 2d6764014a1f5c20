/**
 * A package registry on 127.0.0.1 for one scope, as `npm publish` and `npm install` need it: it keeps what is published to it in
 * memory, and knows no other packages. It checks no credentials.
 */
import * as Crypto from "node:crypto"
import * as Http from "node:http"
import type { AddressInfo } from "node:net"

/** What `npm publish` sends, and what `npm install` asks for: the manifests of all versions, by the name of the package. */
interface Packument {
  readonly name: string
  readonly "dist-tags": Record<string, string>
  readonly versions: Record<string, { dist: Record<string, unknown> }>
}

interface Publication extends Packument {
  readonly _attachments: Record<string, { readonly data: string }>
}

/**
 * - `url`: of the registry, with a slash at its end.
 * - `published`: the size of each tarball in bytes, by package.
 * - `close`: ends it.
 */
export interface Registry {
  readonly url: string
  readonly published: ReadonlyMap<string, number>
  readonly close: () => void
}

/** A registry that serves until it is closed. */
export const start = async (): Promise<Registry> => {
  const packuments = new Map<string, Packument>()
  const tarballs = new Map<string, Buffer>()
  const published = new Map<string, number>()

  const publish = (url: string, { _attachments, ...packument }: Publication): void => {
    const tarball = Buffer.from(Object.values(_attachments)[0]!.data, "base64")
    for (const [version, manifest] of Object.entries(packument.versions)) {
      const path = `${packument.name}/-/${packument.name.replace(/^@.*\//, "")}-${version}.tgz`
      tarballs.set(path, tarball)
      manifest.dist = {
        ...manifest.dist,
        tarball: url + path,
        integrity: `sha512-${Crypto.createHash("sha512").update(tarball).digest("base64")}`,
        shasum: Crypto.createHash("sha1").update(tarball).digest("hex")
      }
    }
    packuments.set(packument.name, packument)
    published.set(packument.name, tarball.length)
  }

  const server = Http.createServer((request, response) => {
    const path = decodeURIComponent(new URL(request.url ?? "/", "http://registry").pathname).slice(1)
    const json = (status: number, body: unknown): void => {
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body))
    }
    if (request.method === "PUT") {
      const chunks: Array<Buffer> = []
      request.on("data", (chunk: Buffer) => chunks.push(chunk))
      request.on("end", () => {
        publish(address(server), JSON.parse(Buffer.concat(chunks).toString()))
        json(201, { ok: true })
      })
    } else if (tarballs.has(path)) {
      response.writeHead(200, { "content-type": "application/octet-stream" }).end(tarballs.get(path))
    } else if (packuments.has(path)) {
      json(200, packuments.get(path))
    } else {
      json(404, { error: "not found" })
    }
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  return {
    url: address(server),
    published,
    close: () => {
      server.close()
      server.closeAllConnections()
    }
  }
}

const address = (server: Http.Server): string => `http://127.0.0.1:${(server.address() as AddressInfo).port}/`

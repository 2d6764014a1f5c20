/** Names that every provider takes, as a pure function of server and tool. */
import * as Total from "@strata/core/Check"

/**
 * `server__tool`, if that is 1 to 64 letters, digits, `_` and `-` and says where the server ends; else with what does not
 * fit replaced or cut, and a hash of both names at the end.
 */
export const make: (server: string, tool: string) => string = Total.total((server: string, tool: string) => {
  const plain = `${server}__${tool}`
  if (/^[a-zA-Z0-9_-]{1,64}$/.test(plain) && !server.includes("__") && !server.endsWith("_") && server !== "") {
    return plain
  }
  const legible = `${clean(server).slice(0, 20)}__${clean(tool)}`.slice(0, mostCharacters - hashLength - 1)
  return `${legible}_${hash(JSON.stringify([server, tool]))}`
}, () => "tool")

const clean = (name: string): string => name.replaceAll(/[^a-zA-Z0-9_-]+/g, "_")

/** FNV-1a of 64 bits: the same on every machine and in every release, as stored conversations hold these names. */
const hash = (text: string): string => {
  let value = 0xcbf29ce484222325n
  for (const byte of new TextEncoder().encode(text)) {
    value = BigInt.asUintN(64, (value ^ BigInt(byte)) * 0x100000001b3n)
  }
  return value.toString(36).padStart(hashLength, "0").slice(-hashLength)
}

const mostCharacters = 64
const hashLength = 12

/**
 * Runs `vectorProgram.ts`: on rows in WebAssembly memory where they lie, on others a block at a time.
 *
 * A program reads its own memory only. Rows that lie elsewhere go through one small memory that all searches share.
 * Without WebAssembly, or the permission to compile, nothing here is of use: what there is in its place is in
 * `vectorLoops.ts`.
 */
import * as Result from "effect/Result"
import type { Filter, OnRow, Rows } from "./vectorLoops.ts"
import * as Program from "./vectorProgram.ts"

/** What is used of an interface that browsers and Node have, and ECMAScript has not. */
declare const WebAssembly: {
  readonly Memory: new(pages: { readonly initial: number; readonly maximum: number }) => Memory
  readonly Module: new(bytes: Uint8Array<ArrayBuffer>) => object
  readonly Instance: new(
    module: object,
    imports: { readonly host: { readonly memory: Memory } }
  ) => { readonly exports: { readonly score: Program.Score } }
}

interface Memory {
  readonly buffer: ArrayBuffer
}

/**
 * Scores the rows that a filter lets through. It asks for all of them before it scores the first, so that a filter may
 * search on its own account. A query is widened: doubles, 16 bits, or bytes for bits; squares need none.
 */
export type Scorer = (
  query: Float64Array | Int16Array | Uint8Array | undefined,
  filter: Filter,
  onRow: OnRow
) => void

/** Floats in a memory of their own, which lives as long as they do; nothing where it would not pay, or not fit. */
export const allocate = (length: number): Float32Array<ArrayBuffer> | undefined => {
  if (length < fewFloats || compiled("dotFloats") === undefined) return undefined
  const region = makeRegion(4 * length)
  if (region === undefined) return undefined
  regions.set(region.memory.buffer, region)
  return new Float32Array(region.memory.buffer, rowsAt, length)
}

/** A scorer of rows, which `dotFloats` and `squareFloats` see as floats whatever they are; nothing where none can run. */
export const scorer = (name: Program.Name, { data, dimensions, rows }: Rows): Scorer | undefined => {
  if (dimensions > mostDimensions) return undefined
  const isWidened = name.endsWith("Floats") && !(data instanceof Float32Array)
  const own = isWidened ? undefined : regions.get(data.buffer)
  const region = own ?? sharedRegion()
  const score = region === undefined ? undefined : instance(region, name)
  if (region === undefined || score === undefined) return undefined

  const { buffer } = region.memory
  const addresses = new Int32Array(buffer, addressesAt, batchRows)
  const sums = new Float64Array(buffer, sumsAt, batchRows)
  const rowBytes = dimensions * (isWidened ? 4 : data.BYTES_PER_ELEMENT)
  const fitting = own === undefined ? 4 * Math.floor(blockBytes / (4 * rowBytes)) : batchRows
  const batch = Math.min(fitting, batchRows)
  const block = isWidened || data instanceof Float32Array
    ? new Float32Array(buffer, rowsAt, blockBytes / 4)
    : new Uint8Array(buffer, rowsAt, blockBytes)
  // Bytes go as they are, whether or not they have a sign.
  const source = data instanceof Int8Array && !isWidened
    ? new Uint8Array(data.buffer, data.byteOffset, data.length)
    : data

  /** Copies some of the chosen rows, those that lie together at once. */
  const copy = (chosen: Uint32Array, first: number, end: number) => {
    let place = first
    while (place < end) {
      const row = chosen[place]!
      let next = place + 1
      while (next < end && chosen[next] === row + next - place) next++
      block.set(source.subarray(row * dimensions, (row + next - place) * dimensions), (place - first) * dimensions)
      place = next
    }
  }

  return (query, filter, onRow) => {
    const chosen = passing(rows, filter)
    if (query !== undefined) putQuery(buffer, query)
    if (own === undefined) { for (let place = 0; place < batch; place++) addresses[place] = rowsAt + place * rowBytes }
    for (let first = 0; first < chosen.length; first += batch) {
      const end = Math.min(first + batch, chosen.length)
      const filled = 4 * Math.ceil((end - first) / 4)
      if (own === undefined) {
        copy(chosen, first, end)
      } else {
        // Where rows are missing at the end, the last one is scored again.
        for (let place = 0; place < filled; place++) {
          addresses[place] = data.byteOffset + chosen[Math.min(first + place, end - 1)]! * rowBytes
        }
      }
      score(addressesAt, addressesAt + 4 * filled, rowBytes, queryAt, sumsAt)
      for (let place = first; place < end; place++) onRow(chosen[place]!, sums[place - first]!)
    }
  }
}

/**
 * A memory and the programs that run in it.
 *
 * It begins with the addresses of the rows of a batch, their sums and the query; the rows follow, and room for what a
 * program reads behind the last of them.
 */
interface Region {
  readonly memory: Memory
  readonly scores: Map<Program.Name, Program.Score>
}

const batchRows = 1024
const addressesAt = 0
const sumsAt = addressesAt + 4 * batchRows
const queryAt = sumsAt + 8 * batchRows
const rowsAt = 131_072
const pageBytes = 65_536

/** A query has room between {@link queryAt} and {@link rowsAt}, and whole numbers of 32 bits hold any sum of bytes. */
const mostDimensions = 8192

/** Four rows of {@link mostDimensions} floats. Being read right after it is written, a block stays in a core's cache. */
const blockBytes = 131_072

/**
 * A memory costs address space and 128 KiB: not for what is searched in a moment anyway. Nor for bytes, which are a
 * quarter of the floats: they are copied in less time than it takes to score them.
 */
const fewFloats = 262_144

/** By the buffer of the memory. */
const regions = new WeakMap<ArrayBufferLike, Region>()

const makeRegion = (bytes: number): Region | undefined => {
  const pages = Math.ceil((rowsAt + bytes + 8) / pageBytes)
  return Result.getOrUndefined(Result.try((): Region => ({
    memory: new WebAssembly.Memory({ initial: pages, maximum: pages }),
    scores: new Map()
  })))
}

let shared: Region | undefined
const sharedRegion = (): Region | undefined => shared ??= makeRegion(blockBytes)

const modules = new Map<Program.Name, object | undefined>()

/** Programs read numbers the lowest byte first; a machine that writes them otherwise has its plain loops. */
const isLittleEndian = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1

const compiled = (name: Program.Name): object | undefined => {
  if (!isLittleEndian) return undefined
  if (!modules.has(name)) {
    modules.set(name, Result.getOrUndefined(Result.try(() => new WebAssembly.Module(Program.assemble(name)))))
  }
  return modules.get(name)
}

const instance = ({ memory, scores }: Region, name: Program.Name): Program.Score | undefined => {
  const known = scores.get(name)
  const module = compiled(name)
  if (known !== undefined || module === undefined) return known
  const { score } = new WebAssembly.Instance(module, { host: { memory } }).exports
  scores.set(name, score)
  return score
}

/** The rows to score, in order. */
const passing = (rows: number, filter: Filter): Uint32Array => {
  const passing = new Uint32Array(rows)
  let count = 0
  for (let row = 0; row < rows; row++) if (filter === undefined || filter(row)) passing[count++] = row
  return passing.subarray(0, count)
}

/** With zeros up to the end of the last step. */
const putQuery = (buffer: ArrayBuffer, query: Float64Array | Int16Array | Uint8Array) => {
  new Uint8Array(buffer, queryAt + query.byteLength, 16).fill(0)
  new Uint8Array(buffer, queryAt, query.byteLength).set(
    new Uint8Array(query.buffer, query.byteOffset, query.byteLength)
  )
}

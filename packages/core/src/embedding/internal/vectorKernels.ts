/**
 * The work of a search over rows: by WebAssembly where it can run and there is enough to do, else in plain loops. Both
 * find the very same numbers.
 */
import type * as Embedding from "../Embedding.ts"
import * as VectorLoops from "./vectorLoops.ts"
import * as VectorMemory from "./vectorMemory.ts"
import type * as Program from "./vectorProgram.ts"

/** The inner product of a query with every row that passes. */
export const dotRows = (
  rows: VectorLoops.Rows,
  query: Embedding.Vector,
  filter: VectorLoops.Filter,
  onRow: VectorLoops.OnRow
) => {
  const isWide = rows.data instanceof Float32Array || query instanceof Float32Array
  const score = scorer(isWide ? "dotFloats" : rows.data instanceof Int8Array ? "dotSigned" : "dotUnsigned", rows)
  if (score === undefined) VectorLoops.dotRows(rows, query, filter, onRow)
  else score(isWide ? new Float64Array(query) : new Int16Array(query), filter, onRow)
}

/** The inner product of every row with itself. */
export const squareRows = (rows: VectorLoops.Rows, onRow: VectorLoops.OnRow) => {
  const { data } = rows
  const score = scorer(
    data instanceof Float32Array ? "squareFloats" : data instanceof Int8Array ? "squareSigned" : "squareUnsigned",
    rows
  )
  if (score === undefined) VectorLoops.squareRows(rows, onRow)
  else score(undefined, undefined, onRow)
}

/** How many bits of a query and of every row that passes differ. */
export const differingBitsOfRows = (
  rows: VectorLoops.Rows<Uint8Array>,
  query: Uint8Array,
  filter: VectorLoops.Filter,
  onRow: VectorLoops.OnRow
) => {
  const score = scorer("differingBits", rows)
  if (score === undefined) VectorLoops.differingBitsOfRows(rows, query, filter, onRow)
  else score(query, filter, onRow)
}

const scorer = (name: Program.Name, rows: VectorLoops.Rows): VectorMemory.Scorer | undefined =>
  rows.data.length < fewNumbers ? undefined : VectorMemory.scorer(name, rows)

/** Less is searched in a tenth of a millisecond: not worth a compilation. */
const fewNumbers = 65_536

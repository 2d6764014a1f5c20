/**
 * WebAssembly, written as expressions that know their type: `f64x2.add(local.get(sum), local.get(part))`.
 *
 * Holds only the instructions that `vectorProgram.ts` needs, under the names and with the opcodes of the specification:
 * https://webassembly.github.io/spec/core/binary/instructions.html
 */

/** The type of a value on the stack. */
export type Type = keyof typeof typeCodes

/** Instructions that leave a value of a type on the stack, or nothing. */
export interface Code<out Left extends Type | "nothing" = "nothing"> {
  readonly leaves: Left
  readonly bytes: Bytes
}

/** Joined only where a function is finished: joining at every step would copy all of it as often as it is nested. */
type Bytes = ReadonlyArray<number | Bytes>

/** A parameter or a local variable of a function. */
export interface Local<T extends Type = Type> {
  readonly type: T
  readonly index: number
}

/** A function that is exported under its name and returns nothing. */
export interface Definition {
  readonly parameters: ReadonlyArray<Type>
  readonly locals: ReadonlyArray<Type>
  readonly body: Code
}

type Locals<Types extends Record<string, Type>> = { readonly [Name in keyof Types]: Local<Types[Name]> }

/** A function; the body gets its parameters and its locals, which begin as zero. */
export const define = <Parameters extends Record<string, Type>, Variables extends Record<string, Type>>(
  parameters: Parameters,
  variables: Variables,
  body: (locals: Locals<Parameters> & Locals<Variables>) => Code
): Definition => {
  const types = { ...parameters, ...variables }
  const locals = Object.entries(types).map(([name, type], index) => [name, { type, index }])
  return {
    parameters: Object.values(parameters),
    locals: Object.values(variables),
    // The entries are those of both records, in this order.
    body: body(Object.fromEntries(locals) as Locals<Parameters> & Locals<Variables>)
  }
}

/** The bytes of a module that imports the memory `host.memory` and exports the functions by name. */
export const assemble = (functions: Readonly<Record<string, Definition>>): Uint8Array<ArrayBuffer> => {
  const definitions = Object.values(functions)
  const types = definitions.map(({ parameters }) => [
    0x60,
    ...list(parameters.map((type) => [typeCodes[type]])),
    ...list([])
  ])
  const memory = [...text("host"), ...text("memory"), 0x02, 0x00, ...unsigned(1)]
  const exported = Object.keys(functions).map((name, index) => [...text(name), 0x00, ...unsigned(index)])
  const bodies = definitions.map(({ body, locals }) =>
    sized([...list(locals.map((type) => [1, typeCodes[type]])), ...joined(body.bytes), 0x0b])
  )
  return Uint8Array.of(
    ...magic,
    ...version,
    ...section(1, types),
    ...section(2, [memory]),
    ...section(3, definitions.map((_, index) => unsigned(index))),
    ...section(7, exported),
    ...section(10, bodies)
  )
}

/** One after the other. */
export const block = (...codes: ReadonlyArray<Code>): Code => code("nothing", ...codes.map(({ bytes }) => bytes))

/** Runs its body once, and again as long as the condition holds. */
export const doWhile = (body: Code, condition: Code<"i32">): Code =>
  code("nothing", [0x03, 0x40], body.bytes, condition.bytes, [0x0d, 0x00, 0x0b])

export const when = (condition: Code<"i32">, body: Code): Code =>
  code("nothing", condition.bytes, [0x04, 0x40], body.bytes, [0x0b])

export const local = {
  get: <T extends Type>({ index, type }: Local<T>): Code<T> => code(type, [0x20], unsigned(index)),
  set: <T extends Type>({ index }: Local<T>, value: Code<NoInfer<T>>): Code =>
    code("nothing", value.bytes, [0x21], unsigned(index)),
  tee: <T extends Type>({ index, type }: Local<T>, value: Code<NoInfer<T>>): Code<T> =>
    code(type, value.bytes, [0x22], unsigned(index))
}

const magic = [0x00, 0x61, 0x73, 0x6d]
const version = [0x01, 0x00, 0x00, 0x00]

const typeCodes = { i32: 0x7f, i64: 0x7e, f64: 0x7c, v128: 0x7b } as const

const code = <Left extends Type | "nothing">(leaves: Left, ...bytes: Bytes): Code<Left> => ({ leaves, bytes })

const joined = (bytes: Bytes, into: Array<number> = []): ReadonlyArray<number> => {
  for (const part of bytes) {
    if (typeof part === "number") into.push(part)
    else joined(part, into)
  }
  return into
}

const unary = <From extends Type, To extends Type>(_from: From, to: To, opcode: ReadonlyArray<number>) =>
(
  value: Code<From>
): Code<To> => code(to, value.bytes, opcode)

const binary = <From extends Type, To extends Type>(_from: From, to: To, opcode: ReadonlyArray<number>) =>
(
  left: Code<From>,
  right: Code<From>
): Code<To> => code(to, left.bytes, right.bytes, opcode)

/** Addresses need not be aligned to anything. */
const load = <T extends Type>(type: T, opcode: ReadonlyArray<number>) => (address: Code<"i32">, offset = 0): Code<T> =>
  code(type, address.bytes, opcode, [0], unsigned(offset))

const store =
  <T extends Type>(_type: T, opcode: ReadonlyArray<number>) =>
  (address: Code<"i32">, value: Code<T>, offset = 0): Code =>
    code("nothing", address.bytes, value.bytes, opcode, [0], unsigned(offset))

const lane = <To extends Type>(to: To, opcode: ReadonlyArray<number>) => (value: Code<"v128">, index: number) =>
  code(to, value.bytes, opcode, [index])

/** LEB128, https://webassembly.github.io/spec/core/binary/values.html#integers */
const unsigned = (value: number): ReadonlyArray<number> =>
  value < 0x80 ? [value] : [value & 0x7f | 0x80, ...unsigned(value >>> 7)]

const signed = (value: number): ReadonlyArray<number> =>
  value >= -0x40 && value < 0x40 ? [value & 0x7f] : [value & 0x7f | 0x80, ...signed(value >> 7)]

const simd = (opcode: number) => [0xfd, ...unsigned(opcode)]

const sized = (bytes: ReadonlyArray<number>) => [...unsigned(bytes.length), ...bytes]

const list = (items: ReadonlyArray<ReadonlyArray<number>>) => [...unsigned(items.length), ...items.flat()]

const section = (id: number, items: ReadonlyArray<ReadonlyArray<number>>) => [id, ...sized(list(items))]

const text = (ascii: string) => sized(Array.from(ascii, (character) => character.charCodeAt(0)))

export const i32 = {
  const: (value: number) => code("i32", [0x41], signed(value)),
  load: load("i32", [0x28]),
  add: binary("i32", "i32", [0x6a]),
  and: binary("i32", "i32", [0x71]),
  shl: binary("i32", "i32", [0x74]),
  lt_u: binary("i32", "i32", [0x49])
}

export const i64 = {
  const: (value: number) => code("i64", [0x42], signed(value)),
  load: load("i64", [0x29]),
  add: binary("i64", "i64", [0x7c]),
  sub: binary("i64", "i64", [0x7d]),
  and: binary("i64", "i64", [0x83]),
  xor: binary("i64", "i64", [0x85]),
  shl: binary("i64", "i64", [0x86]),
  popcnt: unary("i64", "i64", [0x7b]),
  extend_i32_u: unary("i32", "i64", [0xad])
}

export const f64 = {
  add: binary("f64", "f64", [0xa0]),
  store: store("f64", [0x39]),
  convert_i32_s: unary("i32", "f64", [0xb7]),
  convert_i64_u: unary("i64", "f64", [0xba])
}

export const v128 = {
  load: load("v128", simd(0x00)),
  load8x8_s: load("v128", simd(0x01)),
  load8x8_u: load("v128", simd(0x02)),
  load32_zero: load("v128", simd(0x5c)),
  load64_zero: load("v128", simd(0x5d))
}

export const i16x8 = {
  extend_low_i8x16_s: unary("v128", "v128", simd(0x87)),
  extend_low_i8x16_u: unary("v128", "v128", simd(0x89))
}

export const i64x2 = {
  splat: unary("i64", "v128", simd(0x12))
}

export const i32x4 = {
  add: binary("v128", "v128", simd(0xae)),
  dot_i16x8_s: binary("v128", "v128", simd(0xba)),
  extract_lane: lane("i32", simd(0x1b))
}

export const f64x2 = {
  add: binary("v128", "v128", simd(0xf0)),
  mul: binary("v128", "v128", simd(0xf2)),
  promote_low_f32x4: unary("v128", "v128", simd(0x5f)),
  extract_lane: lane("f64", simd(0x21))
}

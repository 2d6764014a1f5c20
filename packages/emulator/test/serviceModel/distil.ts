/**
 * Distils the service model of Bedrock Runtime to what constrains the bodies of the requests that are tested here: shapes
 * without documentation, paths and headers.
 *
 *     node distil.ts bedrock-runtime.model.json > bedrock-runtime.json
 *
 * The model is the `service-2.json` of the service in botocore, and licensed under Apache-2.0.
 */
import * as Fs from "node:fs"

interface Reference {
  readonly shape: string
  readonly location?: string
}

interface Shape {
  readonly type: string
  readonly members?: Readonly<Record<string, Reference>>
  readonly member?: Reference
  readonly key?: Reference
  readonly value?: Reference
  readonly [constraint: string]: unknown
}

const inputs = ["ConverseRequest", "ConverseStreamRequest", "CountTokensRequest", "ApplyGuardrailRequest"]

const constraints = ["required", "union", "document", "enum", "min", "max", "pattern"]

const [, , path = "bedrock-runtime.model.json"] = process.argv
const { shapes }: { readonly shapes: Readonly<Record<string, Shape>> } = JSON.parse(Fs.readFileSync(path, "utf8"))
const distilled: Record<string, unknown> = {}

const add = (name: string): string => {
  const shape = shapes[name]
  if (shape === undefined || name in distilled) return name
  const { key, member, members, type, value } = shape
  const kept: Record<string, unknown> = { type }
  distilled[name] = kept
  for (const constraint of constraints) if (shape[constraint] !== undefined) kept[constraint] = shape[constraint]
  const inBody = Object.entries(members ?? {}).filter(([, { location }]) => location === undefined)
  if (members !== undefined) kept["members"] = Object.fromEntries(inBody.map(([name, to]) => [name, add(to.shape)]))
  if (Array.isArray(kept["required"])) {
    kept["required"] = kept["required"].filter((name) => inBody.some(([key]) => key === name))
  }
  for (const [role, reference] of Object.entries({ key, member, value })) {
    if (reference !== undefined) kept[role] = add(reference.shape)
  }
  return name
}

inputs.forEach(add)
const lines = Object.entries(distilled)
  .sort(([self], [that]) => self < that ? -1 : 1)
  .map(([name, shape]) => `  ${JSON.stringify(name)}: ${JSON.stringify(shape)}`)
console.log(`{\n${lines.join(",\n")}\n}`)

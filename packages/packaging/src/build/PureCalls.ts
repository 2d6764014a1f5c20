/**
 * Marks what a module evaluates while it is loaded as pure, so that bundlers drop what a program does not use.
 *
 * A module of a published package only defines things when it is loaded, which `sideEffects: []` in its manifest says of whole
 * modules. In one file for all modules, annotations say the same of each definition: one at each call, and a function that is
 * called at once around what bundlers take for a call, such as the spread of an object or the reading of a property.
 */
import type { Plugin } from "rolldown"
import { type ESTree, Visitor } from "rolldown/utils"

/** Annotates each module before it is bundled. */
export const plugin = (): Plugin => ({
  name: "pure-calls",
  transform: {
    filter: { id: /\.ts$/ },
    handler(code, id, { magicString }) {
      if (magicString === undefined) return this.error("the bundler gives no magic string")
      const { calls, classes, definitions } = evaluated(this.parse(code, { lang: "ts", sourceType: "module" }))
      for (const { start } of calls) magicString.appendRight(start, pure)
      for (const { end, start } of definitions) {
        magicString.appendRight(start, `${pure}(() => (`)
        magicString.appendLeft(end, "))()")
      }
      for (const { end, id, start } of classes) {
        magicString.appendRight(start, `const ${id.name} = ${pure}(() => `)
        magicString.appendLeft(end, ")()")
      }
      return { code: magicString }
    }
  }
})

const pure = "/* @__PURE__ */ "

interface Evaluated {
  readonly calls: ReadonlyArray<ESTree.Span>
  readonly classes: ReadonlyArray<ESTree.Span & { readonly id: ESTree.Span & { readonly name: string } }>
  readonly definitions: ReadonlyArray<ESTree.Span>
}

/**
 * What stands outside of functions: calls, classes that extend another, and values of variables that spread or read others. What is a statement of its own is
 * there for its effect.
 */
const evaluated = (program: ESTree.Program): Evaluated => {
  const calls: Array<ESTree.Span> = []
  const classes: Array<Evaluated["classes"][number]> = []
  const definitions = new Set<ESTree.Span>()
  const namespaces = new Set<string>()
  const callees = new Set<unknown>()
  let depth = 0
  let value: ESTree.Span | undefined
  const enter = () => void depth++
  const leave = () => void depth--
  const call = (node: ESTree.Span) => {
    if (depth === 0) calls.push(node)
  }
  const effect = () => {
    if (depth === 0 && value !== undefined) definitions.add(value)
  }
  new Visitor({
    ExpressionStatement: enter,
    "ExpressionStatement:exit": leave,
    VariableDeclarator: ({ init }) => {
      if (depth === 0) value = init ?? undefined
    },
    SpreadElement: effect,
    MemberExpression: (node) => {
      if (!callees.has(node) && !(node.object.type === "Identifier" && namespaces.has(node.object.name))) effect()
    },
    ImportNamespaceSpecifier: ({ local }) => void namespaces.add(local.name),
    CallExpression: (node) => {
      callees.add(node.callee)
      call(node)
    },
    NewExpression: call,
    ClassDeclaration: ({ end, id, start, superClass }) => {
      value = undefined
      if (depth === 0 && id !== null && superClass !== null) classes.push({ start, end, id })
    },
    FunctionDeclaration: enter,
    "FunctionDeclaration:exit": leave,
    FunctionExpression: enter,
    "FunctionExpression:exit": leave,
    ArrowFunctionExpression: enter,
    "ArrowFunctionExpression:exit": leave
  }).visit(program)
  return { calls, classes, definitions: [...definitions] }
}

/**
 * Gets the modules of Node without importing them: an ES module that imports one reads each of its exports once, and those of
 * `node:http` load Node's `fetch`. That costs a fifth of what the start of the SDK's client does.
 */
import type { Plugin } from "rolldown"
import type { ESTree } from "rolldown/utils"

/** Replaces the imports in each module. */
export const plugin = (): Plugin => ({
  name: "node-modules",
  transform: {
    filter: { id: /\.ts$/, code: "\"node:" },
    handler(code, id, { magicString }) {
      if (magicString === undefined) return this.error("the bundler gives no magic string")
      for (const node of this.parse(code, { lang: "ts", sourceType: "module" }).body) {
        if (!isOfNode(node)) continue
        const names = namesOf(node.specifiers)
        if (names === undefined) return this.error(`${id}: import modules of Node as namespaces, or by names`)
        magicString.update(node.start, node.end, `const ${names} = process.getBuiltinModule("${node.source.value}")`)
      }
      return { code: magicString }
    }
  }
})

const isOfNode = (node: ESTree.Statement | ESTree.ModuleDeclaration): node is ESTree.ImportDeclaration =>
  node.type === "ImportDeclaration" && node.importKind !== "type" && node.source.value.startsWith("node:")

/** What stands before `=` for them: a name, or a pattern. */
const namesOf = (specifiers: ReadonlyArray<ESTree.ImportDeclarationSpecifier>): string | undefined => {
  const [first] = specifiers
  if (first?.type === "ImportNamespaceSpecifier") return first.local.name
  const named = specifiers.map((specifier) =>
    specifier.type === "ImportSpecifier" && specifier.importKind !== "type" && specifier.imported.type === "Identifier"
      ? `${specifier.imported.name}: ${specifier.local.name}`
      : undefined
  )
  return named.length === 0 || named.includes(undefined) ? undefined : `{ ${named.join(", ")} }`
}

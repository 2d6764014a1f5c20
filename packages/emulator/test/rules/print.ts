/**
 * Prints the rules of the emulator as `RULES.md` has them.
 *
 *     node packages/emulator/test/rules/print.ts > packages/emulator/RULES.md
 */
import { markdown } from "./markdown.ts"

console.log(markdown)

import * as Interruption from "./support/Interruption.ts"

Interruption.suite(Interruption.everyOps)

import * as Interruption from "./support/Interruption.ts"

// All of them are in Interruption.long.test.ts.
Interruption.suite([3, 8])

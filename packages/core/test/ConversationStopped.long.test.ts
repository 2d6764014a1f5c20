import * as StoppedTurns from "./support/StoppedTurns.ts"

StoppedTurns.suite(1, 7)

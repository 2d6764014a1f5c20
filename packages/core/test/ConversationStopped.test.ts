import * as StoppedTurns from "./support/StoppedTurns.ts"

// Every step is in ConversationStopped.long.test.ts.
StoppedTurns.suite(3, 40)

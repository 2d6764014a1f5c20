/** The contract of chat, run by implementations with other models than in `Contract.test.ts`. */
import { describe, it } from "@effect/vitest"
import { ChatContract } from "@strata/core/testing"
import * as All from "../src/contract/All.ts"

for (const subject of All.chatVariants) ChatContract.suite({ describe, it }, subject)

/** `strata emulator`: the command of `@strata/emulator`, with the models of `@strata/local` beside it. */
import * as Serve from "@strata/emulator/cli/Serve"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"

/** The command. */
export const command: ReturnType<typeof Serve.make> = Serve.make({
  name: "emulator",
  program: "strata emulator",
  local: Layer.unwrap(Effect.map(
    Effect.promise(() => import("../provider/Local.ts")),
    // They fail for invalid options only, and there are none.
    ({ models }) => Layer.orDie(models)
  ))
})

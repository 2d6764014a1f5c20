/**
 * `strata batch`: rows answered by batch jobs of Amazon Bedrock.
 */
import * as Command from "effect/cli/Command"
import * as Collect from "./Collect.ts"
import * as Follow from "./Follow.ts"
import * as Submit from "./Submit.ts"

/** The command. */
export const command = Command.make("batch").pipe(
  Command.withDescription("Answer rows by batch jobs of Amazon Bedrock, within a day at a lower price"),
  Command.withSubcommands([Submit.command, Follow.status, Follow.wait, Follow.stop, Collect.command])
)

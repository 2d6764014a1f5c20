/**
 * The command `strata`.
 */
import * as Command from "effect/cli/Command"
import * as Ask from "./ask/Ask.ts"
import * as Batch from "./batch/Batch.ts"
import * as Embed from "./collection/Embed.ts"
import * as Emulate from "./emulator/Emulate.ts"
import * as Jobs from "./jobs/Jobs.ts"
import * as Map from "./map/Map.ts"
import * as Models from "./models/Models.ts"
import * as Output from "./process/Output.ts"
import * as Settings from "./process/Settings.ts"
import * as Search from "./search/Search.ts"

/** The command, with all that it can do. It needs `Streams`, `Shutdown`, and the services of the platform. */
export const command = Command.make("strata").pipe(
  Command.withDescription(
    "Ask models, embed and search files, map rows: offline on this machine, or on Amazon Bedrock with --provider bedrock"
  ),
  Command.withSubcommands([
    Ask.command,
    Embed.command,
    Search.command,
    Map.command,
    Batch.command,
    Jobs.command,
    Models.command,
    Emulate.command
  ]),
  Command.provide(Output.layer),
  Command.withGlobalFlags([Settings.Json, Settings.Quiet])
)

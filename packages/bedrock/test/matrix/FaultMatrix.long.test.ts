import * as Record from "effect/Record"
import { transports } from "../support/Client.ts"
import * as Faults from "./Faults.ts"
import * as FaultTable from "./FaultTable.ts"

for (const transport of transports) {
  Faults.suite(transport, Record.keys(FaultTable.rows).filter((type) => Faults.isCarried(type, transport)))
}

import * as AnySuite from "./support/AnySuite.ts"

// Every value is in AnyValue.long.test.ts.
AnySuite.suite(8)

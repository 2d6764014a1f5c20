import * as AnyValues from "./samples/AnyValues.ts"

// Every value is in AnyValue.long.test.ts.
AnyValues.suite(4)

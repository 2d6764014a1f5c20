import * as AnyValues from "./samples/AnyValues.ts"

AnyValues.suite(1)

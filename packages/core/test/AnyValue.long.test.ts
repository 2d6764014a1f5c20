import * as AnySuite from "./support/AnySuite.ts"

AnySuite.suite(1)

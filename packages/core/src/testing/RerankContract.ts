/**
 * The contract of `RerankService` as tests: what every provider, bridge and decorator of it must do.
 *
 * @example
 * RerankContract.suite({ describe, it }, { name: "MyRerank", layer: (behaviour) => MyRerank.layer(behaviour) })
 */
import type * as Contract from "./Contract.ts"
import * as Declare from "./internal/contract/declare.ts"
import * as Ranks from "./internal/contract/rerankRanks.ts"
import { features, type Subject } from "./internal/contract/rerankSubject.ts"

export type { Behaviour, Feature, Subject } from "./internal/contract/rerankSubject.ts"
export { features }

/** Declares the tests, with `describe` and `it` of `@effect/vitest`. */
export const suite = (runner: Contract.Runner, subject: Subject): void =>
  Declare.declare(runner, "the contract of RerankService", subject, Ranks.tests, features, () => undefined)

/**
 * The contract of `ChatService` as tests: what every provider, bridge and decorator of it must do.
 *
 * The tests script the model *behind* the implementation: the service that an emulator answers from, that a bridge asks, that
 * a decorator wraps. An implementation whose answers cannot be scripted declares `script` missing, and has the rest.
 *
 * @example
 * import { describe, it } from "@effect/vitest"
 *
 * ChatContract.suite({ describe, it }, {
 *   name: "MyChat over its emulator",
 *   layer: (model) => MyChat.layer().pipe(Layer.provide(MyEmulator.layer), Layer.provide(model)),
 *   support: { documents: { refused: "the format has no documents" } }
 * })
 */
import type * as Contract from "./Contract.ts"
import * as Answers from "./internal/contract/chatAnswers.ts"
import * as Failures from "./internal/contract/chatFailures.ts"
import * as Requests from "./internal/contract/chatRequests.ts"
import * as Streams from "./internal/contract/chatStreams.ts"
import { features, type Subject } from "./internal/contract/chatSubject.ts"
import * as Tools from "./internal/contract/chatTools.ts"
import * as Declare from "./internal/contract/declare.ts"

export { features }
export type { Feature, Subject } from "./internal/contract/chatSubject.ts"

/** Declares the tests, with `describe` and `it` of `@effect/vitest`. */
export const suite = (runner: Contract.Runner, subject: Subject): void =>
  Declare.declare(runner, "the contract of ChatService", subject, tests, features, Requests.refusal)

const tests = [...Requests.tests, ...Answers.tests, ...Tools.tests, ...Streams.tests, ...Failures.tests]

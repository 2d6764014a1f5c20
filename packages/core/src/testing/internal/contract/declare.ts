/** Declares the tests of a suite, as the implementation's declaration says. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as References from "effect/References"
import type * as Scope from "effect/Scope"
import * as Struct from "effect/Struct"
import type * as Contract from "../../Contract.ts"
import { broken } from "./expect.ts"

/** A test; it needs all of these features. */
export interface Test<Feature extends string, Subject> {
  readonly title: string
  readonly needs: ReadonlyArray<Feature>
  readonly run: (subject: Subject) => Effect.Effect<unknown, unknown, Scope.Scope>
}

/** What every subject declares. */
export interface Declaration<Feature extends string> {
  readonly name: string
  readonly support?: { readonly [A in Feature]?: Contract.Support | undefined } | undefined
  readonly deviations?: Readonly<Record<string, string>> | undefined
}

export const supportOf = <Feature extends string>(subject: Declaration<Feature>, feature: Feature): Contract.Support =>
  subject.support?.[feature] ?? "yes"

/**
 * Declares the tests. `features`: with words for each; `refusal`, if given, makes the test of a refused feature: a request
 * that needs it.
 */
export const declare = <Feature extends string, Subject extends Declaration<Feature>>(
  { describe, it }: Contract.Runner,
  suite: string,
  subject: Subject,
  tests: ReadonlyArray<Test<Feature, Subject>>,
  features: Readonly<Record<Feature, string>>,
  refusal: (feature: Feature) => Test<Feature, Subject> | undefined
): void => {
  const { deviations = {} } = subject
  const start = (test: Test<Feature, Subject>) => {
    const deviation = deviations[test.title]
    if (deviation === undefined) return it.live(test.title, () => quiet(test.run(subject)), timeout)
    return it.live(`${test.title} (known deviation: ${deviation})`, () => deviating(quiet(test.run(subject))), timeout)
  }
  describe(`${suite}: ${subject.name}`, () => {
    const run = tests.filter(({ needs }) => needs.every((feature) => supportOf(subject, feature) === "yes"))
    run.forEach(start)
    for (const feature of Struct.keys(features)) {
      const support = supportOf(subject, feature)
      if (support === "yes") {
        const isUntested = tests.some(({ needs }) => needs.includes(feature)) &&
          !run.some(({ needs }) => needs.includes(feature))
        if (isUntested) {
          it.live(`tests "${features[feature]}"`, () =>
            broken("It is declared, and no test of it runs: declare why it is missing"))
        }
        continue
      }
      if ("refused" in support) {
        const test = refusal(feature)
        if (test !== undefined) start(test)
        continue
      }
      // Each test is counted once.
      const left = tests.filter(({ needs }) =>
        needs.find((feature) => supportOf(subject, feature) !== "yes") === feature
      )
      if (left.length === 0) continue
      it.live.skip(`${left.length} tests of "${features[feature]}", which it lacks: ${support.missing}`, () =>
        Effect.void)
    }
    const titles = new Set(tests.map(({ title }) => title))
    const unknown = Struct.keys(deviations).filter((title) => !titles.has(title))
    if (unknown.length > 0) {
      it.live("declares deviations of tests that exist", () => broken(`There is no test ${unknown.join(", ")}`))
    }
  })
}

const timeout = 30_000

/** Warnings about the small requests of tests are not worth reading. */
const quiet = <A, E, R>(run: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.provideService(run, References.MinimumLogLevel, "None")

const deviating = (run: Effect.Effect<unknown, unknown, Scope.Scope>) =>
  Effect.flatMap(
    Effect.exit(run),
    (exit) => Exit.isSuccess(exit) ? broken("The deviation is gone: take it out of the declaration") : Effect.void
  )

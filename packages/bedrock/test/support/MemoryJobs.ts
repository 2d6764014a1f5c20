/** The control plane of batch jobs in memory, whose answers a test can lose. */
import type * as Batch from "@strata/core/batch/Batch"
import type * as ProviderError from "@strata/core/ProviderError"
import * as Effect from "effect/Effect"
import type * as Jobs from "../../src/batch/Jobs.ts"

/** What a call fails with; `lost` is done all the same. */
export interface Fault {
  readonly error: ProviderError.CallError
  readonly lost?: boolean
}

export const make = (fault?: (call: keyof Jobs.Jobs, count: number) => Fault | undefined) => {
  const jobs: Array<{ readonly token: string; described: Jobs.Described; readonly creation: Jobs.Creation }> = []
  const calls: Array<keyof Jobs.Jobs> = []

  const run = <A>(call: keyof Jobs.Jobs, work: () => A): Effect.Effect<A, ProviderError.CallError> =>
    Effect.suspend(() => {
      const failure = fault?.(call, calls.filter((name) => name === call).length)
      calls.push(call)
      if (failure === undefined || failure.lost === true) {
        const answer = work()
        if (failure === undefined) return Effect.succeed(answer)
      }
      return Effect.fail(failure.error)
    })

  const service: Jobs.Jobs = {
    create: (creation) =>
      run("create", () => {
        const known = jobs.find(({ token }) => token === creation.token)
        if (known !== undefined) return known.described.job.id
        const id = `arn:aws:bedrock:us-east-1:123456789012:model-invocation-job/job${jobs.length}`
        const { kind, model, name } = creation
        const job: Batch.Job = { id, name, model, kind, state: "submitted", counts: {}, submittedAt: 0 }
        jobs.push({ token: creation.token, described: { job, output: creation.output }, creation })
        return id
      }),
    get: (id) => run("get", () => jobs.find(({ described }) => described.job.id === id)!.described),
    find: (name) => run("find", () => jobs.findLast(({ described }) => described.job.name === name)?.described),
    stop: (id) =>
      run("stop", () => {
        change(id, { state: "stopping" })
      })
  }
  const change = (id: string, changes: Partial<Batch.Job>) => {
    const found = jobs.find(({ described }) => described.job.id === id)!
    found.described = { ...found.described, job: { ...found.described.job, ...changes } }
  }
  return { jobs: service, calls, created: jobs, change }
}

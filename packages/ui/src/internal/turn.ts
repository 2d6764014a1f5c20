/** One turn: runs the loop, sends its chunks, keeps what waits, and ends exactly once. */
import type * as ChatRequest from "@strata/core/chat/ChatRequest"
import * as Check from "@strata/core/Check"
import type * as Tool from "@strata/core/tool/Tool"
import * as ToolLoop from "@strata/core/tool/ToolLoop"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import { hasProperty } from "effect/Predicate"
import * as Random from "effect/Random"
import * as Stream from "effect/Stream"
import type * as UiChat from "../UiChatOptions.ts"
import type * as UiChunk from "../UiChunk.ts"
import * as UiEncoder from "../UiEncoder.ts"
import type * as UiMessage from "../UiMessage.ts"
import * as UiReader from "../UiReader.ts"
import type * as UiRuns from "../UiRuns.ts"
import * as Answers from "./answers.ts"
import type * as Failures from "./failure.ts"
import type * as LiveRuns from "./liveRuns.ts"

interface Parts<Tools extends ReadonlyArray<Tool.Any>, R4> {
  readonly options:
    & Pick<
      UiChat.Options<Tools, never, never, never, R4>,
      "tools" | "maxSteps" | "concurrency" | "reasoning" | "metadata" | "onEnd"
    >
    & { readonly answersWithin: number }
  readonly runs: UiRuns.Runs
  readonly lives: ReturnType<typeof LiveRuns.make<Failures.Failure>>
  readonly live: LiveRuns.Live<Failures.Failure>
  readonly uiMessages: ReadonlyArray<UiMessage.UiMessage>
  readonly intent: Answers.Intent
  readonly continues: UiMessage.UiMessage | undefined
  readonly messageId: string
  readonly nonce: string
  readonly input: ChatRequest.Input | undefined
}

/** Never fails and always calls `end`; what it runs of the loop and of hooks is interruptible, the rest is not. */
export const make = <Tools extends ReadonlyArray<Tool.Any>, R3, R4>({
  continues,
  input,
  intent,
  live,
  lives,
  messageId,
  nonce,
  options,
  report,
  runs,
  uiMessages
}: Parts<Tools, R4> & {
  readonly report: (error: unknown, chatId: string) => Effect.Effect<Failures.Failure, never, R3>
}) => {
  const asked = intent.type === "resume" ? intent.run.approvals : {}
  const approvalId = (callId: string): string => Object.hasOwn(asked, callId) ? asked[callId]! : `${nonce}-${callId}`
  const { metadata, reasoning } = options
  const encoder = UiEncoder.make({ messageId, continues, approvalId, reasoning, metadata })
  const reader = UiReader.make(continues)
  let outcome: ToolLoop.Outcome | undefined
  let saved: ToolLoop.State | undefined

  const loopOptions = {
    tools: options.tools ?? [] as ReadonlyArray<Tool.Any> as Tools, // none
    maxSteps: options.maxSteps,
    concurrency: options.concurrency,
    save: (state: ToolLoop.State) => Effect.sync(() => void (saved = state))
  }

  const wait = (state: ToolLoop.State, expiresAt: number) =>
    runs.put(live.key, {
      version: 1,
      messageId,
      // Those that were answered stay: a page whose loop failed sends the same answers again.
      approvals: Object.fromEntries([
        ...Object.entries(asked),
        ...ToolLoop.pendingOf(state).flatMap(({ call, kind }) =>
          kind === "approval" ? [[call.id, approvalId(call.id)]] : []
        )
      ]),
      state,
      expiresAt
    })

  const send = (chunks: ReadonlyArray<UiChunk.Chunk>) => {
    for (const chunk of chunks) reader.add(chunk)
    return lives.send(live, chunks)
  }

  const events: Stream.Stream<
    ToolLoop.Event,
    unknown,
    Stream.Services<ReturnType<typeof ToolLoop.stream<Tools>>>
  > = intent.type === "resume"
    ? ToolLoop.resumeStream(intent.run.state, intent.decisions, loopOptions)
    : ToolLoop.stream(input ?? [], loopOptions)

  const opening = [
    ...encoder.start(),
    ...(intent.type === "resume" ? Answers.missed(intent.message, intent.run.state).flatMap(encoder.add) : [])
  ]
  const run = Effect.andThen(
    send(opening),
    Stream.runForEach(events, (event) =>
      Effect.gen(function*() {
        if (event.type === "outcome") {
          outcome = event.outcome
          // Before the page is asked: it may answer at once.
          if (outcome.reason === "pending") {
            yield* wait(outcome.state, (yield* Clock.currentTimeMillis) + options.answersWithin)
          }
        }
        const chunks = encoder.add(event)
        yield* send(chunks)
        if (chunks.length > 0) Deferred.doneUnsafe(live.first, Effect.succeedNone)
      }))
  )

  /** The calls of a loop that failed after the person had answered can go on: what ran is not run again. */
  const restore = (error: unknown) => {
    if (intent.type !== "resume") return Effect.void
    const isRefused = hasProperty(error, "_tag") && (error._tag === "DecisionError" || error._tag === "StateError")
    return Effect.ignore(wait(isRefused ? intent.run.state : saved ?? intent.run.state, intent.run.expiresAt))
  }

  const end = Effect.fnUntraced(function*(exit: Exit.Exit<void, unknown>) {
    const isAborted = Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause)
    const failure = Exit.isFailure(exit) && !isAborted
      ? yield* report(Cause.squash(exit.cause), live.chatId)
      : undefined
    if (failure !== undefined) {
      yield* restore(failure.error)
      Deferred.doneUnsafe(live.first, Effect.succeedSome(failure))
    }
    const chunks = encoder.end(
      failure !== undefined
        ? { type: "failed", errorText: failure.text }
        : isAborted
        ? { type: "aborted" }
        : { type: "complete" }
    )
    for (const chunk of chunks) reader.add(chunk)
    const message = reader.message()
    const { onEnd } = options
    const reason = live.stopReason ?? "shutdown"
    if (onEnd !== undefined) {
      yield* guard(() =>
        onEnd({
          status: failure !== undefined ? "failed" : isAborted ? "aborted" : "finished",
          chatId: live.chatId,
          key: live.key,
          message,
          messages: [...uiMessages.filter(({ id }) => id !== message.id), message],
          outcome,
          ...(isAborted && { reason }),
          ...(failure && { error: failure.error })
        })
      )
    }
    yield* lives.end(live, chunks)
  })

  return Effect.flatMap(Effect.exit(Effect.interruptible(run)), end)
}

/** Runs a hook whose failure is of no concern to the page: it is logged. */
export const guard = <R>(hook: () => Effect.Effect<void, never, R>): Effect.Effect<void, never, R> =>
  Effect.suspend(hook).pipe(
    Effect.catchCause((cause) => Effect.logError("A hook of a chat failed", cause))
  )

/** Runs a hook; one that throws, or does not return an effect, is an invalid option. */
export const hooked = <A, R>(field: string, hook: () => Effect.Effect<A, unknown, R>): Effect.Effect<A, unknown, R> =>
  Effect.flatMap(
    Effect.try({ try: hook, catch: (cause) => Check.threw({ provider: "program" }, field, cause) }),
    (effect): Effect.Effect<A, unknown, R> =>
      Check.holds(Effect.isEffect, effect)
        ? effect
        : Effect.fail(Check.threw({ provider: "program" }, field, new TypeError("The function returned no Effect")))
  )

/** A value of a hook, if it does not throw. */
export const attempt = <A>(hook: () => A): Effect.Effect<A | undefined> =>
  Effect.map(Effect.option(Effect.try(hook)), Option.getOrUndefined)

/** Ten random letters and digits. */
export const identifier: Effect.Effect<string> = Effect.map(
  Effect.all(Array.from({ length: 10 }, () => Random.nextIntBetween(0, 35))),
  (digits) => digits.map((digit) => digit.toString(36)).join("")
)

/** Applies answers to the calls of a state: all of them, or none. Nothing runs here. */
import * as Effect from "effect/Effect"
import * as CanonicalText from "../../cache/internal/canonicalText.ts"
import * as Check from "../../Check.ts"
import * as ToolDecision from "../ToolDecision.ts"
import type * as ToolState from "../ToolState.ts"
import * as ToolCall from "./call.ts"
import * as Fingerprint from "./fingerprint.ts"
import type * as Loop from "./loop.ts"
import * as ToolOutput from "./output.ts"
import * as ToolSettle from "./settle.ts"

/** The state with the answers, and the indexes of calls that got a result by it. */
export const apply = Effect.fnUntraced(function*<E, R>(
  state: ToolState.State,
  answers: ReadonlyArray<ToolDecision.Decision>,
  tools: Loop.Toolbox<E, R>,
  isSuperseded: boolean
): Effect.fn.Return<Decided, ToolDecision.DecisionError, R> {
  const byId = yield* checked(state, answers)
  const digests = yield* Fingerprint.ofCalled(tools.definitions, state.calls)
  const then = state.fingerprint.tools
  const now: Now<E, R> = { tools: tools.byName, isChanged: ({ name }) => then[name] !== digests[name] }
  const calls = yield* Effect.forEach(state.calls, (current) =>
    Effect.gen(function*() {
      if (current.status === "settled") return current
      const answer = byId.get(current.call.id)
      const next = answer === undefined
        ? yield* reopened(current, now)
        : yield* decided(current, answer, now)
      return isSuperseded && (next.status === "approval" || next.status === "result")
        ? ToolSettle.settled(ToolSettle.notRun(next, "superseded"))
        : next
    }))
  const fresh = calls.flatMap((call, index) => call.status === "settled" && state.calls[index] !== call ? [index] : [])
  return { state: { ...state, calls }, fresh }
})

export interface Decided {
  readonly state: ToolState.State
  readonly fresh: ReadonlyArray<number>
}

/** The tools, and whether the definition of one is another than when it was called. */
interface Now<E, R> {
  readonly tools: ReadonlyMap<string, ToolCall.Handled<E, R>>
  readonly isChanged: (tool: ToolCall.Handled<E, R>) => boolean
}

/** The answers by the id of their call; each call waits for its answer, and there is one only. */
const checked = Effect.fnUntraced(function*(state: ToolState.State, answers: ReadonlyArray<ToolDecision.Decision>) {
  const byId = new Map<string, ToolDecision.Decision>()
  for (const answer of answers) {
    const { callId, type } = answer
    const found = state.calls.find(({ call }) => call.id === callId)
    if (found === undefined) return yield* isInHistory(state, callId) ? late(callId) : refuse("unknown-call", callId)
    if (found.status === "settled") return yield* late(callId, found.call.name, found.outcome)
    const tool = found.call.name
    if (found.status === "ready" || found.status === "started") return yield* late(callId, tool)
    if (byId.has(callId)) return yield* refuse("duplicate", callId, tool)
    if (type === "approve" && found.status === "result") return yield* refuse("wrong-kind", callId, tool, "a result")
    if (type === "result" && found.status === "approval") {
      return yield* refuse("wrong-kind", callId, tool, "an approval")
    }
    byId.set(callId, answer)
  }
  return byId
})

/** A call without an answer. */
const reopened = <E, R>(
  current: ToolState.OpenCall,
  { isChanged, tools }: Now<E, R>
): Effect.Effect<ToolState.StateCall, never, R> =>
  Effect.gen(function*() {
    const tool = tools.get(current.call.name)
    const isRepeatable = tool?.repeatable === true && !isChanged(tool)
    if (current.status === "started" && !isRepeatable) {
      return ToolSettle.settled(ToolSettle.notRun(current, "unknown"))
    }
    if (tool === undefined) return ToolSettle.settled(ToolSettle.notRun(current, "gone"))
    if (current.status === "approval" || current.status === "result") return current
    if (isChanged(tool)) return ToolSettle.settled(ToolSettle.notRun(current, "changed"))
    const prepared = yield* ToolCall.prepare(tools, current.call, false)
    return prepared.refusal === undefined
      ? yield* ToolSettle.opened(current, prepared)
      : ToolSettle.settled(ToolSettle.refused(current, prepared))
  })

/** A call that waits, with its answer. */
const decided = <E, R>(
  current: ToolState.OpenCall,
  answer: ToolDecision.Decision,
  { isChanged, tools }: Now<E, R>
): Effect.Effect<ToolState.StateCall, ToolDecision.DecisionError, R> =>
  Effect.gen(function*() {
    const { call } = current
    const isResult = current.status === "result"
    if (answer.type === "deny") {
      return ToolSettle.settled(ToolSettle.notRun(current, isResult ? "cancelled" : "denied", answer.reason))
    }
    if (answer.type === "expire") {
      return ToolSettle.settled(ToolSettle.notRun(current, isResult ? "no-result" : "expired"))
    }
    const tool = tools.get(call.name)
    if (tool === undefined) return ToolSettle.settled(ToolSettle.notRun(current, "gone"))
    if (answer.type === "result") return ToolSettle.settled(yield* given(current, answer, tool))
    if (isChanged(tool)) return yield* refuse("tool-changed", call.id, call.name)
    const isEdited = answer.params !== undefined &&
      CanonicalText.make(answer.params) !== CanonicalText.make(call.params ?? {})
    const changed = isEdited
      ? { ...current, call: { ...call, params: answer.params }, writtenParams: call.params ?? null }
      : current
    const prepared = yield* ToolCall.prepare(tools, changed.call, false)
    if (prepared.refusal === undefined) return yield* ToolSettle.opened({ ...changed, isApproved: true }, prepared)
    return isEdited
      ? yield* refuse("invalid-params", call.id, call.name, prepared.refusal.issue)
      : ToolSettle.settled(ToolSettle.refused(current, prepared))
  })

/** A result from elsewhere; one that is no failure must fit the tool. */
const given = <E, R>(
  current: ToolState.OpenCall,
  { isFailure = false, parts, result }: ToolDecision.Result,
  { accept, name }: ToolCall.Handled<E, R>
): Effect.Effect<ToolState.ToolResult, ToolDecision.DecisionError, R> =>
  Effect.gen(function*() {
    const invalid = (issue: string) => refuse("invalid-result", current.call.id, name, issue)
    const shown = parts === undefined ? undefined : yield* Effect.mapError(ToolOutput.ofParts(parts), invalid)
    const value = result ?? shown?.result ?? null
    const sent = { result: value, ...(shown && { parts: shown.parts }) }
    if (isFailure) {
      return ToolSettle.answered(current, {
        isFailure,
        ...sent,
        result: result ?? shown?.result ?? ToolOutput.failed,
        error: undefined
      })
    }
    if (accept === undefined) return yield* refuse("tool-changed", current.call.id, name)
    yield* Effect.mapError(accept(result), ({ message }) => invalid(message))
    return ToolSettle.answered(current, { isFailure, ...sent, output: undefined })
  })

const isInHistory = (state: ToolState.State, callId: string): boolean =>
  state.messages.some(({ content, role }) => role === "tool" && content.some(({ id }) => id === callId))

const late = (callId: string, tool?: string, outcome?: ToolState.ResultOutcome) =>
  new ToolDecision.DecisionError({
    reason: "already-answered",
    callId,
    tool,
    outcome,
    message: `The call "${callId}"${of(tool)} does not wait for an answer any more${
      outcome === undefined ? "" : `: it is ${outcome}`
    }`
  })

const refuse = (
  reason: Exclude<ToolDecision.DecisionError["reason"], "already-answered">,
  callId: string,
  tool?: string,
  detail?: string
) =>
  new ToolDecision.DecisionError({ reason, callId, tool, message: messages[reason](`"${callId}"${of(tool)}`, detail) })

const of = (tool: string | undefined): string => tool === undefined ? "" : ` of the tool "${tool}"`

const messages: Record<
  Exclude<ToolDecision.DecisionError["reason"], "already-answered">,
  (call: string, detail?: string) => string
> = {
  "unknown-call": (call) => `The state has no call ${call}`,
  duplicate: (call) => `There are two answers to the call ${call}: give one`,
  "wrong-kind": (call, detail) => `The call ${call} waits for ${detail}`,
  "invalid-params": (call, detail) => `The changed arguments of the call ${call} do not fit the tool: ${detail}`,
  "invalid-result": (call, detail) => `The result of the call ${call} does not fit the tool: ${detail}`,
  "tool-changed": (call) =>
    `The definition of the tool changed since the model made the call ${call}: deny the call, or let it expire`
}

/** Answers from anywhere. */
export const check = Check.list(
  Check.tagged<"type", ToolDecision.Decision>("type", {
    approve: { callId: Check.text, params: Check.optional(Check.json()) },
    deny: { callId: Check.text, reason: Check.optional(Check.text) },
    result: {
      callId: Check.text,
      result: Check.optional(Check.json()),
      // Checked with the result of the tool.
      parts: Check.optional(Check.unchecked()),
      isFailure: Check.optional(Check.flag)
    },
    expire: { callId: Check.text }
  }, {
    remedy: "Give an answer such as { callId, type: \"approve\" }",
    unknown: (word) => [`there is no answer "${word.slice(0, 40)}"`, "Use `approve`, `deny`, `result` or `expire`"]
  }),
  { remedy: "Give an array of answers such as { callId, type: \"approve\" }" }
)

/**
 * What a call adds to the span of its operation, `chat MODEL` and its like: the server it was sent to, and the guardrail,
 * by OpenTelemetry's conventions for generative AI and AWS.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Tracer from "effect/Tracer"
import type * as Exchange from "../wire/Exchange.ts"

/**
 * A span around a call of an operation, unless there is one of a client around it already: that of a service, which says
 * the same and more.
 */
export const around = <Args extends ReadonlyArray<unknown>, A, E, R>(
  name: string,
  operation: (...args: Args) => Effect.Effect<A, E, R>
) =>
(...args: Args): Effect.Effect<A, E, R> =>
  Effect.withFiber(({ context }) => {
    const parent = Context.getOrUndefined(context, Tracer.ParentSpan)
    const isInside = parent?._tag === "Span" && parent.kind === "client"
    const call = operation(...args)
    // no operation asks for a span of its own
    return isInside ? call : Effect.withSpan(call, name, { captureStackTrace: false }) as typeof call
  })

/** Annotates the span of a context and those around it, as far as the span of the client. */
export const annotate = (
  context: Context.Context<never>,
  input: object,
  address: Exchange.Address | undefined
): void => {
  const current = address && Context.getOrUndefined(context, Tracer.ParentSpan)
  if (current === undefined) return
  const guardrail = guardrailOf(input)
  for (const span of spansOf(current)) {
    span.attribute("server.address", address?.host)
    span.attribute("server.port", address?.port)
    if (guardrail !== undefined) span.attribute("aws.bedrock.guardrail.id", guardrail)
  }
}

/** A span and its ancestors up to the next of a client; only itself where there is none. */
const spansOf = (current: Tracer.AnySpan): ReadonlyArray<Tracer.Span> => {
  const spans: Array<Tracer.Span> = []
  for (
    let span: Tracer.AnySpan | undefined = current;
    span?._tag === "Span";
    span = Option.getOrUndefined(span.parent)
  ) {
    spans.push(span)
    if (span.kind === "client") return spans
  }
  return spans.slice(0, 1)
}

const guardrailOf = (input: object): string | undefined => {
  const config = Predicate.hasProperty(input, "guardrailConfig") ? input.guardrailConfig : input
  const id = Predicate.hasProperty(config, "guardrailIdentifier") ? config.guardrailIdentifier : undefined
  return Predicate.isString(id) && id !== "" ? id : undefined
}

/**
 * Sends recorded requests to the emulator: it must accept and refuse the same requests as the service, with the same
 * exception, and its answers must have the same members in the same events.
 */
import { Emulator } from "@strata/emulator"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import * as Check from "../Check.ts"
import { compare, type Difference } from "../Difference.ts"
import * as Recording from "../Recording.ts"
import * as ConverseAnswer from "../wire/ConverseAnswer.ts"
import * as InvokeAnswer from "../wire/InvokeAnswer.ts"
import * as Json from "../wire/Json.ts"
import * as Account from "./Account.ts"
import * as Double from "./Double.ts"
import * as Shape from "./Shape.ts"

/** Plays one exchange to an emulator of its own. A request that was not recorded cannot be sent. */
export const emulate: Check.Check<Recording.Recording, never> = (recording) => {
  if (!Recording.isOperation(recording.op) || recording.request.trim() === "") return Effect.undefined
  let said = saidBy(recording)
  const played = Effect.gen(function*() {
    const { url } = yield* Emulator.Emulator
    const thoughts = sealsIn(Recording.requestOf(recording))
    if (recording.status === 200 && thoughts.length > 0) {
      // an emulator accepts only reasoning it has signed
      const answer = said
      said = Double.fromAnswer({ blocks: thoughts, end: {} })
      yield* send(url, { ...recording, op: "converse", request: hello })
      said = answer
    }
    return compareAnswers(recording, yield* send(url, recording))
  }).pipe(
    Effect.provide(Emulator.layer(Account.optionsOf(recording)).pipe(Layer.provide(Double.layer(() => said)))),
    Effect.scoped
  )
  return Effect.map(Check.outcomeOf(played), (outcome) => ({
    differences: Check.unlessValue(outcome, (differences) => differences)
  }))
}

const hello = `{"messages":[{"role":"user","content":[{"text":"Hello"}]}]}`

const send = (url: string, recording: Recording.Recording) =>
  Effect.tryPromise(async (signal): Promise<Recording.Recording> => {
    const response = await fetch(url + Recording.pathOf(recording), {
      method: "POST",
      body: recording.request,
      headers: { "content-type": "application/json", ...Account.headersOf(recording) },
      signal
    })
    return {
      ...recording,
      status: response.status,
      headers: Object.fromEntries(response.headers),
      body: new Uint8Array(await response.arrayBuffer())
    }
  })

/** The content that the services return for a recording. */
const saidBy = (recording: Recording.Recording): Double.Said => {
  const { body, op } = recording
  const nothing = Double.fromAnswer({ blocks: [{ text: "Hello" }], end: {} })
  if (recording.status !== 200) return nothing
  switch (op) {
    case "converse":
      return Double.fromAnswer(ConverseAnswer.fromBody(body))
    case "converse-stream":
      return Double.fromEvents(ConverseAnswer.readEvents(body).events)
    case "invoke": {
      const answer = InvokeAnswer.fromBody(body)
      return answer === undefined ? { ...nothing, vectors: vectorsIn(body) } : Double.fromAnswer(answer)
    }
    case "invoke-with-response-stream":
      return Double.fromEvents(ConverseAnswer.numbered(InvokeAnswer.fromStream(body)))
    default:
      return nothing
  }
}

const vectorsIn = (body: Uint8Array): ReadonlyArray<Float32Array> => {
  const found: Array<Float32Array> = []
  const look = (value: Json.Json): void => {
    if (Json.isArray(value) && value.every((item) => typeof item === "number")) found.push(Float32Array.from(value))
    else if (Json.isArray(value)) value.forEach(look)
    else if (Json.isObject(value)) Object.values(value).forEach(look)
  }
  look(Result.getOrElse(Json.parseBytes(body), () => null))
  return found
}

/** Signed reasoning in a conversation, which the emulator would verify. */
const sealsIn = (request: Json.Json | undefined): ReadonlyArray<Json.JsonObject> =>
  Json.list(request, "messages").flatMap((message) =>
    Json.objects(Json.list(message, "content")).flatMap((block) => {
      if (ConverseAnswer.isSealed(block)) return [block]
      const answer = InvokeAnswer.claudeThought(block)
      return answer === undefined ? [] : [answer]
    })
  )

const compareAnswers = (expected: Recording.Recording, actual: Recording.Recording): ReadonlyArray<Difference> => {
  const refusal = `${actual.status} ${Recording.exceptionOf(actual)}: ${Recording.messageOf(actual)}`
  if (expected.status !== 200) {
    const wanted = { status: expected.status, exception: Recording.exceptionOf(expected) }
    if (actual.status === 200) return [{ path: "", problem: "accepted", expected: wanted }]
    return compare(wanted, { status: actual.status, exception: Recording.exceptionOf(actual) }, "exact")
  }
  if (actual.status !== 200) return [{ path: "", problem: "refused", actual: refusal }]
  return [...compareHeaders(expected, actual), ...compareShapes(expected, actual)]
}

/** The names of Bedrock's own headers. */
const compareHeaders = (expected: Recording.Recording, actual: Recording.Recording) =>
  Object.keys(expected.headers).filter((name) => name.startsWith("x-amzn-bedrock-") && !(name in actual.headers))
    .map((name): Difference => ({ path: `(header ${name})`, problem: "missing" }))

const compareShapes = (expected: Recording.Recording, actual: Recording.Recording): ReadonlyArray<Difference> => {
  switch (expected.op) {
    case "converse-stream": {
      const events = (body: Uint8Array) =>
        ConverseAnswer.readEvents(body).events.map(({ payload, type }): Shape.Named => [type, payload])
      return Shape.compareEvents(events(expected.body), events(actual.body))
    }
    case "invoke-with-response-stream": {
      const events = (body: Uint8Array) => InvokeAnswer.payloads(body).map(Shape.named)
      return Shape.compareEvents(events(expected.body), events(actual.body))
    }
    default: {
      const shape = (body: Uint8Array) => Shape.of(Result.getOrElse(Json.parseBytes(body), () => null))
      return compare(shape(expected.body), shape(actual.body), "exact")
    }
  }
}

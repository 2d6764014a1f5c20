/**
 * Sessions of HTTP/2 that are not trusted for ever.
 *
 * A connection can die without a word, and the SDK's handler would give it to every call until TCP despairs of it, which
 * takes a quarter of an hour. Here a call that is given up before its answer is whole casts doubt on its session: new calls
 * get new ones, and those under way keep theirs, which close behind the last of them.
 */
import { NodeHttp2Handler } from "@smithy/node-http-handler"
import type { RequestHandler } from "../Transport.ts"

/** A handler with its sessions, and how many calls are under way on them. */
interface Generation {
  readonly handler: NodeHttp2Handler
  underWay: number
}

/** What the SDK passes to the handler, whether the answer is a stream of events among it. */
type HandlerOptions = Parameters<NodeHttp2Handler["handle"]>[1]

/** No session yet. `destroy` closes all there are. */
export const make = (maxConcurrentStreams: number): Required<RequestHandler> => {
  const generations = new Set<Generation>()
  const begin = (): Generation => {
    const generation = { handler: new NodeHttp2Handler({ maxConcurrentStreams }), underWay: 0 }
    generations.add(generation)
    return generation
  }
  let latest = begin()

  /** The result is called when the call is over, perhaps more than once. */
  const enter = (generation: Generation) => {
    let inside = true
    generation.underWay++
    return () => {
      if (!inside) return
      inside = false
      generation.underWay--
      if (generation === latest || generation.underWay > 0) return
      generations.delete(generation)
      generation.handler.destroy()
    }
  }

  return {
    metadata: latest.handler.metadata,
    handle: (request, options: HandlerOptions = {}) => {
      const generation = latest
      const { abortSignal, isEventStream } = options
      // a stream of events has a session of its own
      if (isEventStream === true) return generation.handler.handle(request, options)
      const leave = enter(generation)
      if (abortSignal instanceof AbortSignal) {
        abortSignal.addEventListener("abort", () => {
          if (generation === latest) latest = begin()
          leave()
        }, { once: true })
      }
      const result = generation.handler.handle(request, options)
      result.then(({ response }) => response.body.once("close", leave), leave)
      return result
    },
    destroy: () => generations.forEach(({ handler }) => handler.destroy())
  }
}

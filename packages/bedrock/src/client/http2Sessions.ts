/**
 * HTTP/2 sessions that are replaced when they may be dead.
 *
 * A connection can die undetected, and the SDK's handler would use it until TCP retransmission times out (about 15
 * minutes). Here a call aborted before its answer is complete makes its sessions suspect: new calls get new sessions,
 * and the old ones close when their last call ends.
 */
import { NodeHttp2Handler, type NodeHttpHandler } from "@smithy/node-http-handler"

/** What the SDK sends requests with; `NodeHttpHandler` and `NodeHttp2Handler` are such handlers. */
export interface RequestHandler {
  readonly metadata?: { readonly handlerProtocol: string }
  readonly handle: NodeHttpHandler["handle"]
  readonly destroy?: () => void
}

/** A handler with its sessions, and the number of calls in flight on them. */
interface Generation {
  readonly handler: NodeHttp2Handler
  inFlight: number
}

/** The handler's options from the SDK, which say whether the answer is an event stream. */
type HandlerOptions = Parameters<NodeHttp2Handler["handle"]>[1]

/** Opens no session yet. `destroy` closes all of them. */
export const make = (maxConcurrentStreams: number): Required<RequestHandler> => {
  const generations = new Set<Generation>()
  const begin = (): Generation => {
    const generation = { handler: new NodeHttp2Handler({ maxConcurrentStreams }), inFlight: 0 }
    generations.add(generation)
    return generation
  }
  let latest = begin()

  /** The result is called when the call is over, possibly more than once. */
  const enter = (generation: Generation) => {
    let inside = true
    generation.inFlight++
    return () => {
      if (!inside) return
      inside = false
      generation.inFlight--
      if (generation === latest || generation.inFlight > 0) return
      generations.delete(generation)
      generation.handler.destroy()
    }
  }

  return {
    metadata: latest.handler.metadata,
    handle: (request, options: HandlerOptions = {}) => {
      const generation = latest
      const { abortSignal, isEventStream } = options
      // an event stream has a session of its own
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

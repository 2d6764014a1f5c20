/**
 * Questions about `effect` in the words of a user, each with the module that answers it. They were written before the
 * ranking was tuned; `heldOut` was not looked at while tuning.
 */

/** A question and the module whose documentation answers it. */
export interface Question {
  readonly question: string
  readonly module: string
}

const questionsOf = (byModule: Readonly<Record<string, string>>): ReadonlyArray<Question> =>
  Object.entries(byModule).map(([module, question]) => ({ question, module: `effect/${module}` }))

/** The questions that the ranking was tuned with. */
export const tuned = questionsOf({
  Semaphore: "Only three fibers may use the printer at once. What do I use?",
  Redacted: "How do I keep a password from showing up in my logs?",
  Schedule: "How do I describe retrying with exponential backoff?",
  Cache: "How do I remember the result of an expensive lookup so that it is not computed twice?",
  Cron: "How do I run something every Monday at 9 o'clock?",
  Queue: "How do I hand work from a producer fiber to a consumer?",
  Config: "Where do I read environment variables from?",
  Stream: "How do I process a file that is too large for memory piece by piece?",
  Schema: "How do I validate JSON that comes from a client?",
  Option: "How do I represent a value that may be missing?",
  Match: "Is there something like switch with exhaustiveness checks?",
  Deferred: "One fiber must wait for a value that another one delivers later. What do I use?",
  Layer: "How do I construct the services my program depends on?",
  Scope: "How do I make sure that a file gets closed when I am done?",
  Cause: "How do I find out whether a failure was a bug or an expected error?",
  Logger: "How do I change the format of log output?",
  Metric: "How do I count how many requests my program handled?",
  Random: "How do I shuffle a list?",
  Clock: "How do I get the current time?",
  Duration: "How do I write five minutes as a value?",
  Trie: "Which structure finds all words that begin with a prefix?",
  Pool: "How do I reuse database connections?",
  Tracer: "How do I see which part of a request took how long?",
  Order: "How do I sort people by age?"
})

/** The questions that check it. */
export const heldOut = questionsOf({
  Fiber: "How do I cancel work that runs in the background?",
  Ref: "How do I share a counter between fibers?",
  Graph: "How do I find the shortest path between two cities?",
  Latch: "How do I hold back several fibers until a start signal?",
  Result: "How do I return either a success or an error without an effect?",
  Request: "How do I batch calls for many ids into one query?",
  Resource: "How do I keep a value that is reloaded from time to time?",
  Sink: "What consumes the elements of a stream and gives a summary?",
  Terminal: "How do I ask the user for a line of input?",
  Path: "How do I join folder and file names?",
  Optic: "How do I update a field deep inside an immutable object?",
  Equal: "How do I compare two objects by their contents?",
  Context: "What is the map from tags to implementations called?",
  Exit: "What is the outcome of a finished effect?",
  Arbitrary: "How do I generate test data for property-based tests?",
  Predicate: "How do I check that an unknown value is a string?"
})

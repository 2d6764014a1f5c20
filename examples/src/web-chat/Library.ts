/** A library: its rules, to search, and what its desk does. */
import { Message, Tool } from "@strata/core"
import { Retrieval } from "@strata/local"
import { Effect, Schema } from "effect"

/** A rule, and where it stands. */
export interface Rule {
  readonly title: string
  readonly source: string
  readonly text: string
}

const rule = (page: string, title: string, text: string): Rule => ({
  title,
  source: `https://library.example/rules#${page}`,
  text
})

const rules = [
  rule("loans", "Loans", "Books may be kept for four weeks, films and games for one week."),
  rule("renewals", "Renewals", "A loan can be renewed twice, unless somebody else waits for the book."),
  rule("fees", "Late fees", "Late books cost ten cents a day, late films fifty cents, at most ten euros for each."),
  rule("cards", "Library cards", "A library card costs fifteen euros a year; it is free for everybody under eighteen."),
  rule(
    "hours",
    "Opening hours",
    "The library is open from 9:00 to 19:00 on weekdays and from 10:00 to 14:00 on Saturdays."
  ),
  rule("rooms", "Rooms", "Group rooms can be booked for two hours a day, with a valid card."),
  rule("lost", "Lost books", "Lost or damaged books are replaced at the price of a new copy.")
]

/** The tools of the desk. The first searches by meaning; its results can be cited. */
export const tools = Effect.gen(function*() {
  const index = yield* Retrieval.make(rules)

  const search = Tool.make("search_rules", {
    description: "Searches the rules of the library",
    input: Schema.Struct({ query: Schema.String }),
    handler: Effect.fnUntraced(function*({ query }) {
      const hits = yield* index.search(query, { limit: 2 })
      // Long enough to see on the page that a tool is at work.
      yield* Effect.sleep("400 millis")
      return Tool.content(
        hits.map(({ passage: { source, text, title } }) => ({
          type: "search-result",
          source,
          title,
          content: [text],
          citations: true
        }))
      )
    })
  })

  // Nothing is reserved before a person has agreed.
  const reserve = Tool.withApproval(Tool.make("reserve_book", {
    description: "Reserves a book for the user",
    input: Schema.Struct({ title: Schema.String }),
    handler: ({ title }) => Effect.succeed(`"${title}" is on the shelf for reservations until Friday.`)
  }))

  // Without a handler: the page answers it, which alone knows the clock of the user.
  const time = Tool.make("get_local_time", {
    description: "The local time of the user",
    output: Schema.Struct({ time: Schema.String })
  })

  return [search, reserve, time] as const
})

/** What the model is told. */
export const system = Message.system(
  "You are the desk of a public library. Answer from its rules, which you search; reserve books when asked to."
)

import type { APIRoute, GetStaticPaths } from "astro"
import { markdown, pages } from "../../site/Llms.ts"

// Each page as Markdown: `/guides/chat.md` beside `/guides/chat/`.
export const getStaticPaths: GetStaticPaths = async () =>
  (await pages()).map((entry) => ({ params: { page: entry.id }, props: { text: markdown(entry) } }))

export const GET: APIRoute<{ readonly text: string }> = ({ props }) => new Response(props.text)

import type { APIRoute } from "astro"
import { index } from "../../site/Llms.ts"

export const GET: APIRoute = async () => new Response(await index())

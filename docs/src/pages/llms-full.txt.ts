import type { APIRoute } from "astro"
import { full } from "../../site/Llms.ts"

export const GET: APIRoute = async () => new Response(await full())

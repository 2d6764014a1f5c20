/** The API of a model at a server. */
import type { Route } from "../chat/Codec.ts"
import type { Profile } from "../profile/Profile.ts"

/** Chat Completions, for now. */
export const route = (_profile: Profile, _model: string): Route => ({ api: "chat-completions" })

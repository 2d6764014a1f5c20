/**
 * What decides the answers of a service besides the request and the model: account scope, region, endpoint, options of
 * its layer. Services with equal identities may share cached answers; others never do.
 *
 * It is plain JSON and holds no secret: an account is named by a label or a digest. A decorator that changes answers
 * adds to it; a fallback has those of all its members.
 */
import type * as Schema from "effect/Schema"

/** Plain JSON that tells one service from another. */
export type Identity = Schema.Json

/**
 * What determines the answers of a service besides the request and the model: account scope, region, endpoint, options of
 * its layer. Only services with equal identities share cached answers.
 *
 * It holds no secret: an account is a label or a digest. A decorator that changes answers adds to it.
 */
import type * as Schema from "effect/Schema"

/** Plain JSON. */
export type Identity = Schema.Json

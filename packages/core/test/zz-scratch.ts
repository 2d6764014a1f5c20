import * as Schema from "effect/Schema"
import * as Result from "effect/Result"
const deep = JSON.parse("[".repeat(200000) + "]".repeat(200000))
console.log(String(Result.try(() => Schema.is(Schema.Json)(deep))).slice(0,200))
console.log(String(Result.try(() => JSON.stringify(deep).length)).slice(0,200))
for (const v of [new Date(), {a: undefined}, new Map(), NaN, -0, Object.create(null), new (class A{ x = 1})(), [,1], new Uint8Array(2)]) console.log(v, Schema.is(Schema.Json)(v))

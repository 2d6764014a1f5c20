/**
 * Modules of Node, without an `import` of them: that reads each of their exports once, and those of `node:http` and `node:tls`
 * load Node's `fetch` and parse its certificates, a fifth of what the start of the SDK's client costs.
 */
export const Crypto = process.getBuiltinModule("node:crypto")
export const Http = process.getBuiltinModule("node:http")
export const Http2 = process.getBuiltinModule("node:http2")
export const Https = process.getBuiltinModule("node:https")
export const Net = process.getBuiltinModule("node:net")
export const Tls = process.getBuiltinModule("node:tls")

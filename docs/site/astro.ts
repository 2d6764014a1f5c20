/**
 * Runs Astro without its reports over the network, which it reads from the environment when it is loaded.
 */
process.env.ASTRO_TELEMETRY_DISABLED = "1"
await import("../node_modules/astro/bin/astro.mjs" as string)
export {}

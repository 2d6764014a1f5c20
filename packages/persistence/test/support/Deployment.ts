/**
 * Servers of Redis as they are deployed, for tests of what is shared through them.
 */
import * as NodeRedis from "@effect/platform-node/NodeRedis"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import type * as Scope from "effect/Scope"
import * as RedisServer from "./RedisServer.ts"
import type * as Sharing from "./Sharing.ts"

/** Commands fail at once where there is no connection. */
export const connection = (options: NonNullable<Parameters<typeof NodeRedis.layer>[0]>): Sharing.Connection =>
  NodeRedis.layer({ disableOfflineQueue: true, ...options })

/** A folder that is gone with the test. */
export const folder = Effect.flatMap(FileSystem.FileSystem, (files) => files.makeTempDirectoryScoped())

/** A test that is skipped, with a message, where there is no `redis-server`. */
export const deployment = (
  name: string,
  test: Effect.Effect<void, unknown, Scope.Scope | FileSystem.FileSystem>
) => it.live.skipIf(!RedisServer.isInstalled)(name, () => test.pipe(Effect.provide(NodeServices.layer)), 60_000)

if (!RedisServer.isInstalled) console.warn("Skipped, for want of a redis-server: deployments of Redis")

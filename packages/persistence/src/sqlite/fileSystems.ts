/** Which file system a file is on, as far as SQLite cares. */
import * as Effect from "effect/Effect"
import { statfs } from "node:fs/promises"
import { dirname, resolve } from "node:path"

/** File systems of other machines or hosts, by the magic numbers of statfs(2). */
const remotes: ReadonlyMap<number, string> = new Map([
  [0x6969, "NFS"],
  [0x517b, "SMB"],
  [0xfe53_4d42, "SMB"],
  [0xff53_4d42, "CIFS"],
  [0x0102_1997, "9p, a folder of the host"],
  [0x786f_4256, "a shared folder of VirtualBox"],
  [0x6a65_6a63, "a folder of the host (virtiofs)"],
  [0x00c3_6400, "Ceph"],
  [0x4750_4653, "GPFS"],
  [0x0bd0_0bd0, "Lustre"]
])

/** The name of the file system, if it is none of this machine. What cannot be told counts as of this machine. */
export const remote = (filename: string): Effect.Effect<string | undefined> =>
  Effect.tryPromise(() => statfs(dirname(resolve(filename)))).pipe(
    // The number is signed where it does not fit in 31 bits.
    Effect.map(({ type }) => remotes.get(type >>> 0)),
    Effect.orElseSucceed(() => undefined)
  )

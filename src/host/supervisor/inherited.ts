// Control `runtime`: what the supervisor was given by whoever started it, and its parts must not get. A shell, a service
// manager or a build runner leaves descriptors open (a log, a socket of its own, a file of root's), and a gate that was
// taken over reads and writes through any that reach it, whatever its user id. Node closes only the low ones. An open
// umask would make sockets and files of ours everybody's until their mode is set.
import { closeSync, readFileSync, readdirSync, readlinkSync } from "node:fs";

/** `O_CLOEXEC` of Linux: the kernel closes such a descriptor when another program is started. */
const closeOnExec = 0o2000000;

/** How long a thread of ours may take to read a file that it opened without that mark, milliseconds. */
const passingMs = 20;

/** What a descriptor is, where a child would inherit it. */
function findHandedOn(fd: number): string | undefined {
  try {
    const flags = /^flags:\s+([0-7]+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, "utf8"))?.[1];
    const isHandedOn = flags !== undefined && (Number.parseInt(flags, 8) & closeOnExec) === 0;
    return isHandedOn ? readlinkSync(`/proc/self/fd/${fd}`) : undefined;
  } catch {
    // It was the one with which the folder was read.
    return undefined;
  }
}

/**
 * Closes every descriptor beyond the standard three that our children would inherit. Nearly everything that Node and its
 * libraries open is closed by the kernel when they start one, so what is left is somebody else's; it is looked at twice,
 * because a library's thread may be reading a file just now. It would close that number once more when it has ended, and
 * with it whatever of ours has got the number by then: the registry's file, which SQLite calls a disk I/O error.
 */
function closeInherited(): void {
  const found = readdirSync("/proc/self/fd")
    .map((name) => ({ fd: Number(name), what: Number(name) > 2 ? findHandedOn(Number(name)) : undefined }))
    .filter(({ what }) => what !== undefined);
  if (found.length === 0) return;
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, passingMs);
  for (const { fd, what } of found) if (findHandedOn(fd) === what) closeSync(fd);
}

/** To be called before anything is opened or started. */
export function forgetStarter(): void {
  closeInherited();
  process.umask(0o077);
}

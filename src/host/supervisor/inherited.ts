// Control `runtime`: what the supervisor was given by whoever started it, and its parts must not get. A shell, a service
// manager or a build runner leaves descriptors open (a log, a socket of its own, a file of root's), and a gate that was
// taken over reads and writes through any that reach it, whatever its user id. Node closes only the low ones. An open
// umask would make sockets and files of ours everybody's until their mode is set.
import { closeSync, readFileSync, readdirSync } from "node:fs";

/** `O_CLOEXEC` of Linux: the kernel closes such a descriptor when another program is started. */
const closeOnExec = 0o2000000;

function isHandedOn(fd: number): boolean {
  try {
    const flags = /^flags:\s+([0-7]+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, "utf8"))?.[1];
    return flags !== undefined && (Number.parseInt(flags, 8) & closeOnExec) === 0;
  } catch {
    // It was the one with which the folder was read.
    return false;
  }
}

/**
 * Closes every descriptor beyond the standard three that our children would inherit. Everything that Node and its
 * libraries open is closed by the kernel when they start one, so what is left is somebody else's.
 */
function closeInherited(): void {
  for (const name of readdirSync("/proc/self/fd")) {
    const fd = Number(name);
    if (fd > 2 && isHandedOn(fd)) closeSync(fd);
  }
}

/** To be called before anything is opened or started. */
export function forgetStarter(): void {
  closeInherited();
  process.umask(0o077);
}

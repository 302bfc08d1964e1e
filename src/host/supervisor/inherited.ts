// Control `runtime`: what the supervisor was given by whoever started it, and its parts must not get. A shell, a service
// manager or a build runner leaves descriptors open (a log, a socket of its own, a file of root's), and a gate that was
// taken over reads and writes through any that reach it, whatever its user id. Node closes only the low ones. An open
// umask would make sockets and files of ours everybody's until their mode is set.
import { closeSync, readFileSync, readdirSync } from "node:fs";
import { getCACertificates } from "node:tls";

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

/** Descriptors beyond the standard three that a child would inherit. */
function handedOn(): number[] {
  return readdirSync("/proc/self/fd")
    .map(Number)
    .filter((fd) => fd > 2 && isHandedOn(fd));
}

/**
 * Closes every descriptor beyond the standard three that our children would inherit. Nearly everything that Node and its
 * libraries open is closed by the kernel when they start one, so what is left is somebody else's, with one exception: a
 * thread of Node's reads the certificates of `NODE_EXTRA_CA_CERTS` as soon as TLS is loaded. Closed under its hands, that
 * number would be closed once more when it has read them, and with it whatever of ours had got the number by then: the
 * registry's file, which SQLite calls a disk I/O error. So it has ended before anything is closed.
 */
function closeInherited(): void {
  if (handedOn().length === 0) return;
  // Waits for that thread, or reads them itself.
  getCACertificates("default");
  for (const fd of handedOn()) closeSync(fd);
}

/** To be called before anything is opened or started. */
export function forgetStarter(): void {
  closeInherited();
  process.umask(0o077);
}

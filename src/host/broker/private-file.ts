// Control `secrets`: files that only the broker may read. Somebody else on the machine wants to read them, to have them
// written where a link points, or to leave half of one after a crash. Must stay true: mode 0600, our own, no link, and on
// disk either the whole old content or the whole new one.
import {
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  fsyncSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  writeSync,
} from "node:fs";
import { dirname } from "node:path";

/** The folder or a file of the broker is not as it must be: broken configuration, told to the operator and fatal at start. */
export class PrivateFileError extends Error {}

/**
 * Text of a private file, or null when there is none.
 * @param maxBytes refuses anything larger
 * @throws {PrivateFileError} when it is a link, not ours, not 0600 or too large
 */
export function readPrivateFile(path: string, maxBytes: number): string | null {
  let descriptor: number;
  try {
    descriptor = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? "unknown error";
    if (code === "ENOENT") return null;
    const why = code === "ELOOP" ? "it is a link; put the file itself there" : `it cannot be opened (${code})`;
    throw new PrivateFileError(`${path}: ${why}`);
  }
  try {
    return readChecked(path, descriptor, maxBytes);
  } finally {
    closeSync(descriptor);
  }
}

/** Replaces a private file: a new file beside it, synced, then renamed over it, then the folder synced. */
export function writePrivateFile(path: string, text: string): void {
  const fresh = `${path}.new`;
  rmSync(fresh, { force: true });
  const descriptor = openSync(
    fresh,
    constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW,
    0o600,
  );
  try {
    fchmodSync(descriptor, 0o600);
    const bytes = Buffer.from(text, "utf8");
    for (let written = 0; written < bytes.length;) written += writeSync(descriptor, bytes, written);
    fsyncSync(descriptor);
  } catch (error) {
    rmSync(fresh, { force: true });
    throw error;
  } finally {
    closeSync(descriptor);
  }
  renameSync(fresh, path);
  syncFolder(dirname(path));
}

/** Removes a private file for good; no error when there is none. */
export function removePrivateFile(path: string): void {
  rmSync(path, { force: true });
  syncFolder(dirname(path));
}

function syncFolder(path: string): void {
  const folder = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}

function readChecked(path: string, descriptor: number, maxBytes: number): string {
  const stat = fstatSync(descriptor);
  if (!stat.isFile()) throw new PrivateFileError(`${path}: not a regular file`);
  if (stat.uid !== process.getuid?.())
    throw new PrivateFileError(`${path}: it belongs to user ${stat.uid}; run chown ${process.getuid?.()} on it`);
  const mode = stat.mode & 0o777;
  if ((mode & 0o077) !== 0)
    throw new PrivateFileError(`${path}: others may read it (mode ${mode.toString(8)}); run chmod 600 on it`);
  if (stat.size > maxBytes) throw new PrivateFileError(`${path}: ${stat.size} bytes, at most ${maxBytes} are read`);
  const bytes = Buffer.alloc(stat.size);
  let length = 0;
  while (length < bytes.length) {
    const read = readSync(descriptor, bytes, length, bytes.length - length, null);
    if (read === 0) break;
    length += read;
  }
  return bytes.toString("utf8", 0, length);
}

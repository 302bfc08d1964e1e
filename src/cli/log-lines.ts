// Reads the files of a log that somebody else writes, puts aside and starts anew, without missing or repeating a line: a
// file is known by its inode, and is read to its end before the next one is begun.
import { closeSync, createReadStream, fstatSync, openSync, readSync, statSync } from "node:fs";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { files, logPath } from "../host/supervisor/log-file.ts";

const pollMs = 100;
const pieceBytes = 65_536;

/** How far a log was read: bytes of the file with this inode. */
export interface Mark {
  readonly inode: number;
  readonly offset: number;
}

/** The last `most` lines that are wanted, oldest first, and how far that is; no mark where there is no log. */
export async function readLogs(
  folder: string,
  isWanted: (line: string) => boolean,
  most: number,
): Promise<{ readonly lines: string[]; readonly mark: Mark | undefined }> {
  let lines: string[] = [];
  let mark: Mark | undefined;
  // Opened before any is read: one that is put aside meanwhile is read as what it was.
  const open = Array.from({ length: files }, (_, n) => tryOpen(logPath(folder, files - 1 - n))).filter((fd) => fd >= 0);
  for (const fd of open) {
    const { ino: inode, size } = fstatSync(fd);
    if (size > 0) {
      const stream = createReadStream("", { fd, autoClose: false, start: 0, end: size - 1 });
      for await (const line of createInterface({ input: stream, crlfDelay: Infinity })) {
        if (line !== "" && isWanted(line)) lines.push(line);
        if (lines.length > most * 2) lines = lines.slice(-most);
      }
    }
    mark = { inode, offset: size };
    closeSync(fd);
  }
  return { lines: Number.isFinite(most) ? lines.slice(-most) : lines, mark };
}

/** Gives every further line until `signal`; waits for a log that is not there yet. */
export async function followLogs(
  folder: string,
  from: Mark | undefined,
  onLine: (line: string) => void,
  signal: AbortSignal,
): Promise<void> {
  let fd = -1;
  let [offset, held] = [0, Buffer.alloc(0)];
  const begin = (next: number, at: number): void => {
    if (fd >= 0) closeSync(fd);
    [fd, offset, held] = [next, at, Buffer.alloc(0)];
  };
  if (from !== undefined) begin(findOpen(folder, from.inode), from.offset);
  while (!signal.aborted) {
    if (fd < 0) begin(tryOpen(logPath(folder, 0)), 0);
    // Asked first: what is written until it is put aside is read below.
    const next = fd >= 0 && nextOf(folder, fstatSync(fd).ino);
    if (fd >= 0) ({ offset, held } = readOn(fd, offset, held, onLine));
    if (typeof next === "string") begin(tryOpen(next), 0);
    else await delay(pollMs, undefined, { signal }).catch(() => undefined);
  }
  if (fd >= 0) closeSync(fd);
}

function readOn(fd: number, from: number, before: Buffer<ArrayBuffer>, onLine: (line: string) => void) {
  const piece = Buffer.alloc(pieceBytes);
  let [offset, held] = [from, before];
  for (let count = 1; count > 0;) {
    count = readSync(fd, piece, 0, pieceBytes, offset);
    offset += count;
    held = Buffer.concat([held, piece.subarray(0, count)]);
    const end = held.lastIndexOf(10) + 1;
    for (const line of held.subarray(0, end).toString("utf8").split("\n")) if (line !== "") onLine(line);
    held = held.subarray(end);
  }
  return { offset, held };
}

/** Path of the file that was begun after the one with this inode; undefined while that one is written. */
function nextOf(folder: string, inode: number): string | undefined {
  const inodes = Array.from({ length: files }, (_, n) => inodeOf(logPath(folder, n)));
  const at = inodes.indexOf(inode);
  // One that is gone: lines were lost between, and what is left begins with the oldest.
  if (at < 0)
    return inodes[0] === undefined
      ? undefined
      : logPath(
          folder,
          inodes.findLastIndex((one) => one !== undefined),
        );
  return at === 0 ? undefined : logPath(folder, at - 1);
}

function findOpen(folder: string, inode: number): number {
  for (let n = 0; n < files; n++) if (inodeOf(logPath(folder, n)) === inode) return tryOpen(logPath(folder, n));
  return -1;
}

function inodeOf(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.ino;
}

function tryOpen(path: string): number {
  try {
    return openSync(path, "r");
  } catch {
    return -1;
  }
}

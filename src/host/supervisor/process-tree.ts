// Control `runtime`: reads /proc about the processes of a part. A part is one child of ours and all below it; inside a
// sandbox the program that serves is the last of the line (bubblewrap, its init, the program).
import { readFileSync } from "node:fs";

/** Bound on how deep and wide a tree is followed: a fork bomb must not keep the supervisor reading. */
const maxProcesses = 256;

function readProc(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "utf8");
  } catch {
    return "";
  }
}

/** `pid` and everything below it, parents first; empty when it is gone. */
export function listTree(pid: number): number[] {
  const found = [pid];
  for (let at = 0; at < found.length && found.length < maxProcesses; at++) {
    const parent = found[at] ?? 0;
    const children = readProc(parent, `task/${parent}/children`).trim();
    if (children !== "") found.push(...children.split(" ").map(Number));
  }
  return found;
}

/** The program that serves: the last of the line. */
export function findServing(pid: number): number {
  return listTree(pid).at(-1) ?? pid;
}

function sumKilobytes(pids: readonly number[], file: string, line: RegExp): number | null {
  let sum: number | null = null;
  for (const pid of pids) {
    const value = line.exec(readProc(pid, file))?.[1];
    if (value !== undefined) sum = (sum ?? 0) + Number(value) * 1024;
  }
  return sum;
}

/** Proportional set size of a part in bytes, or null when it cannot be read. */
export function readPss(pid: number): number | null {
  return sumKilobytes(listTree(pid), "smaps_rollup", /^Pss:\s+(\d+) kB$/m);
}

/** Memory that only this part has, in bytes: cheap enough to poll. File pages shared with others do not count. */
export function readAnonymous(pid: number): number {
  return sumKilobytes(listTree(pid), "status", /^RssAnon:\s+(\d+) kB$/m) ?? 0;
}

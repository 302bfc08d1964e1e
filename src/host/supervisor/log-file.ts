// Control `data`, `runtime`: what the host said, kept on disk for `./ambit logs`: the newest lines, in a few files of bounded
// size that only the supervisor's user can read. Whoever floods the log wants the disk full or the older lines gone: the files
// never take more than `usualBytes * files`, and a flood was counted before it came here. A full disk loses lines and says so
// later; it stops nothing.
import { chmodSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { BoundedFiles } from "../bounded-files.ts";

/** Of one file. */
const usualBytes = 8_388_608;
/** The one that is written, and those put aside. */
export const files = 5;

/** Path of the file that is written (0), or of the one put aside `n` files ago. */
export function logPath(folder: string, n: number): string {
  return join(folder, n === 0 ? "ambit.jsonl" : `ambit.${n}.jsonl`);
}

/** Keeps lines in `folder`, which is made when it is missing. `most` is bytes a file. */
export function openLogFile(folder: string, most: number = usualBytes): (line: string) => void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  chmodSync(folder, 0o700);
  const sayLost = (count: number): string => JSON.stringify({ process: "supervisor", event: "log_lines_lost", count });
  const kept = new BoundedFiles({ path: (n) => logPath(folder, n), files, most, sayLost });
  return (line) => kept.write([line]);
}

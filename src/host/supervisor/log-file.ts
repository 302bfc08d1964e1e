// Control `data`, `runtime`: what the host said, kept on disk for `./ambit logs`: the newest lines, in a few files of bounded
// size that only the supervisor's user can read. Whoever floods the log wants the disk full or the older lines gone: the files
// never take more than `fileBytes * files`, and a flood was counted before it came here. A full disk loses lines and says so
// later; it stops nothing.
import { chmodSync, closeSync, existsSync, fstatSync, mkdirSync, openSync, renameSync, writeSync } from "node:fs";
import { join } from "node:path";

/** A file is put aside when it has so many bytes. */
export const fileBytes = 8_388_608;
/** The one that is written, and those put aside. */
export const files = 5;

/** Path of the file that is written (0), or of the one put aside `n` files ago. */
export function logPath(folder: string, n: number): string {
  return join(folder, n === 0 ? "ambit.jsonl" : `ambit.${n}.jsonl`);
}

/** Keeps lines in `folder`, which is made when it is missing. `most` is bytes a file. */
export function openLogFile(folder: string, most: number = fileBytes): (line: string) => void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  chmodSync(folder, 0o700);
  let fd = open(folder);
  let bytes = fstatSync(fd).size;
  let lost = 0;
  const turn = (): void => {
    for (let n = files - 2; n >= 0; n--) {
      if (existsSync(logPath(folder, n))) renameSync(logPath(folder, n), logPath(folder, n + 1));
    }
    const next = open(folder);
    closeSync(fd);
    [fd, bytes] = [next, 0];
  };
  return (line) => {
    try {
      if (bytes >= most) turn();
      const note =
        lost > 0 ? `${JSON.stringify({ process: "supervisor", event: "log_lines_lost", count: lost })}\n` : "";
      bytes += writeSync(fd, `${note}${line}\n`);
      lost = 0;
    } catch {
      lost++;
    }
  };
}

function open(folder: string): number {
  const fd = openSync(logPath(folder, 0), "a", 0o600);
  chmodSync(logPath(folder, 0), 0o600);
  return fd;
}

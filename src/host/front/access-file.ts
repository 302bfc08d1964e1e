// Control `recon`: the access log on disk. Whoever floods the front wants the disk full, the older lines gone, or every request to
// wait for the disk. Must stay true: a few files of bounded size that only the front's user can read; no request waits, a
// second's lines go out in one piece; what cannot be written is counted and said in the next line that can; it stops nothing.
import { chmodSync, closeSync, existsSync, fstatSync, openSync, renameSync, writeSync } from "node:fs";
import { join } from "node:path";

/** A file is put aside when it has so many bytes. */
export const accessFileBytes = 16_777_216;
/** The one that is written, `access.log`, and those put aside, `access.log.1` to `access.log.4`. */
const files = 5;
const everyMs = 250;
const mostWaiting = 262_144;

export class AccessFile {
  readonly #path: string;
  readonly #most: number;
  #fd: number;
  #bytes: number;
  #waiting: string[] = [];
  #waitingChars = 0;
  #lost = 0;
  #timer: NodeJS.Timeout | undefined;

  /** `most` is bytes a file. Throws when the file cannot be opened. */
  constructor(folder: string, most: number = accessFileBytes) {
    this.#path = join(folder, "access.log");
    this.#most = most;
    this.#fd = open(this.#path);
    this.#bytes = fstatSync(this.#fd).size;
  }

  /** Adds a line; it is in the file within a quarter of a second. */
  add(line: string): void {
    this.#waiting.push(line);
    this.#waitingChars += line.length + 1;
    if (this.#waitingChars > mostWaiting) this.flush();
    else this.#timer ??= setTimeout(() => this.flush(), everyMs).unref();
  }

  /** Writes what waits. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const lines = this.#waiting;
    if (lines.length === 0) return;
    [this.#waiting, this.#waitingChars] = [[], 0];
    try {
      if (this.#bytes >= this.#most) this.#turn();
      const note = this.#lost > 0 ? `# ${this.#lost} lines could not be written\n` : "";
      this.#bytes += writeSync(this.#fd, `${note}${lines.join("\n")}\n`);
      this.#lost = 0;
    } catch {
      this.#lost += lines.length;
    }
  }

  #turn(): void {
    const nth = (n: number): string => (n === 0 ? this.#path : `${this.#path}.${n}`);
    for (let n = files - 2; n >= 0; n--) if (existsSync(nth(n))) renameSync(nth(n), nth(n + 1));
    const next = open(this.#path);
    closeSync(this.#fd);
    [this.#fd, this.#bytes] = [next, 0];
  }
}

function open(path: string): number {
  const fd = openSync(path, "a", 0o600);
  chmodSync(path, 0o600);
  return fd;
}

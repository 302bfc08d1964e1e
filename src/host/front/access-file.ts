// Control `recon`: the access log on disk. Whoever floods the front wants the disk full, the older lines gone, or every request to
// wait for the disk. Must stay true: a few files of bounded size that only the front's user can read; no request waits, a
// second's lines go out in one piece; what cannot be written is counted and said in the next line that can; it stops nothing.
import { join } from "node:path";
import { BoundedFiles } from "../bounded-files.ts";

/** Of one file. */
const usualBytes = 16_777_216;
/** `access.log`, and those put aside, `access.log.1` to `access.log.4`. */
const files = 5;
const everyMs = 250;
const mostWaiting = 262_144;

export class AccessFile {
  readonly #files: BoundedFiles;
  #waiting: string[] = [];
  #waitingChars = 0;
  #timer: NodeJS.Timeout | undefined;

  /** `most` is bytes a file. Throws when the file cannot be opened. */
  constructor(folder: string, most: number = usualBytes) {
    const path = (n: number): string => join(folder, n === 0 ? "access.log" : `access.log.${n}`);
    const sayLost = (count: number): string => `# ${count} lines could not be written`;
    this.#files = new BoundedFiles({ path, files, most, sayLost });
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
    this.#files.write(lines);
  }
}

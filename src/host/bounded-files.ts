// Control `data`, `recon`: lines on disk in a few files of bounded size that only their writer's user can read: the host's
// log and the front's access log. Whoever floods a log wants the disk full or the older lines gone. Must stay true: never
// more than so many files of so many bytes, and the one write that goes over; what cannot be written is counted and said
// before the next line that can; nothing here throws once the first file is open, so a full disk stops nobody.
import { chmodSync, closeSync, existsSync, fstatSync, openSync, renameSync, writeSync } from "node:fs";

export interface BoundedFilesOptions {
  /** Path of the file that is written (0), or of the one put aside `n` files ago. */
  readonly path: (n: number) => string;
  /** The one that is written, and those put aside. */
  readonly files: number;
  /** A file is put aside when it has so many bytes. */
  readonly most: number;
  /** The line that says how many could not be written. */
  readonly sayLost: (count: number) => string;
}

export class BoundedFiles {
  readonly #options: BoundedFilesOptions;
  #fd: number;
  #bytes: number;
  #lost = 0;

  /** Goes on with the file that is there. Throws when it cannot be opened. */
  constructor(options: BoundedFilesOptions) {
    this.#options = options;
    this.#fd = open(options.path(0));
    this.#bytes = fstatSync(this.#fd).size;
  }

  /** Writes these lines in one piece. */
  write(lines: readonly string[]): void {
    try {
      if (this.#bytes >= this.#options.most) this.#putAside();
      const said = this.#lost > 0 ? [this.#options.sayLost(this.#lost)] : [];
      this.#bytes += writeSync(this.#fd, `${[...said, ...lines].join("\n")}\n`);
      this.#lost = 0;
    } catch {
      this.#lost += lines.length;
    }
  }

  #putAside(): void {
    const { path, files } = this.#options;
    for (let n = files - 2; n >= 0; n--) if (existsSync(path(n))) renameSync(path(n), path(n + 1));
    const next = open(path(0));
    closeSync(this.#fd);
    [this.#fd, this.#bytes] = [next, 0];
  }
}

function open(path: string): number {
  const fd = openSync(path, "a", 0o600);
  chmodSync(path, 0o600);
  return fd;
}

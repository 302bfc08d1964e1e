// `./ambit chat` as a program that is fed by a pipe: what it said so far, and how it ended.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { node, root } from "../src/cli/child.ts";

export class PipedChat {
  readonly #child;
  #out = "";
  #err = "";
  readonly #ended: Promise<unknown[]>;

  /** Starts a conversation; `words` are the arguments after `chat`. */
  constructor(token: string, ...words: string[]) {
    const env = { ...process.env, AMBIT_TOKEN: token };
    this.#child = spawn(node, [`${root}src/cli/main.ts`, "chat", ...words], { env });
    this.#child.stdout.on("data", (piece: Buffer) => (this.#out += piece.toString("utf8")));
    this.#child.stderr.on("data", (piece: Buffer) => (this.#err += piece.toString("utf8")));
    this.#ended = once(this.#child, "close");
  }

  /** Types lines and nothing after them. */
  type(...lines: string[]): void {
    this.#child.stdin.end(lines.map((line) => `${line}\n`).join(""));
  }

  /** Waits until it has said this beside the answers. */
  async said(words: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const found = words.exec(this.#err);
      if (found) return found;
      if (this.#child.exitCode !== null) throw new Error(`it ended without ${words}: ${this.#err}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** As Ctrl-C does. */
  interrupt(): void {
    this.#child.kill("SIGINT");
  }

  async end(): Promise<{ status: unknown; out: string; err: string }> {
    const [status] = await this.#ended;
    return { status, out: this.#out, err: this.#err };
  }
}

// How much a Node process really holds: its heap after a forced collection, asked over the debugger that SIGUSR1 opens. Nothing
// in the product is made for this; whoever may signal the process may ask.
import { setTimeout as pause } from "node:timers/promises";

/** Opens a process's debugger; `url` is given once it has said where it listens. */
export class HeapProbe {
  readonly #socket: WebSocket;
  #next = 1;

  constructor(socket: WebSocket) {
    this.#socket = socket;
  }

  static async open(pid: number, findUrl: () => string | undefined): Promise<HeapProbe> {
    process.kill(pid, "SIGUSR1");
    for (let tries = 0; tries < 100; tries++) {
      const url = findUrl();
      if (url !== undefined) {
        const socket = new WebSocket(url);
        await new Promise((resolve, reject) => {
          socket.addEventListener("open", resolve);
          socket.addEventListener("error", () => reject(new Error(`${url} cannot be opened`)));
        });
        return new HeapProbe(socket);
      }
      await pause(50);
    }
    throw new Error(`process ${pid} did not open its debugger: is port 9229 in use?`);
  }

  /** Bytes in use on the heap, after all that is garbage is gone. */
  async used(): Promise<number> {
    for (let round = 0; round < 3; round++) {
      await pause(200);
      await this.#ask("HeapProfiler.collectGarbage");
    }
    const usage = (await this.#ask("Runtime.getHeapUsage")) as { usedSize: number };
    return usage.usedSize;
  }

  close(): void {
    this.#socket.close();
  }

  #ask(method: string): Promise<unknown> {
    const id = this.#next++;
    return new Promise((resolve) => {
      const listen = (event: MessageEvent): void => {
        const answer = JSON.parse(String(event.data)) as { id?: number; result?: unknown };
        if (answer.id !== id) return;
        this.#socket.removeEventListener("message", listen);
        resolve(answer.result);
      };
      this.#socket.addEventListener("message", listen);
      this.#socket.send(JSON.stringify({ id, method }));
    });
  }
}

// For the runs that kill things: a running Ambit with the payables clerk, where any process can be ended by SIGKILL at any
// moment and the whole host can be started again on the same state.
import { setTimeout as pause } from "node:timers/promises";
import { startHost, type RunningHost } from "../src/cli/host-process.ts";
import type { Stage } from "../src/cli/demo-stage.ts";
import { descendants } from "./process-tree.ts";
import { freshState, type FreshState } from "./fresh-state.ts";
import { askControl } from "../src/cli/ask-host.ts";
import type { HostStatus } from "../src/controls/wire/control.ts";

export type Victim = "gate" | "broker" | "front" | "host";

export class KillStage {
  readonly stage: Stage;
  readonly #state: FreshState;
  #host: RunningHost;
  readonly #listen: string;

  private constructor(stage: Stage, state: FreshState) {
    this.stage = stage;
    this.#state = state;
    this.#host = stage.host;
    this.#listen = new URL(stage.url).host;
  }

  /** Sets a stage on a fresh state folder; `set` says which. */
  static async open(set: (state: string) => Promise<Stage>): Promise<KillStage> {
    const state = freshState();
    try {
      return new KillStage(await set(state.folder), state);
    } catch (thrown) {
      state.remove();
      throw thrown;
    }
  }

  /** SIGKILL, now. Returns when the signal is sent; `host` is started again in the background by `recover`. */
  async kill(victim: Victim, pids: Record<string, number>): Promise<void> {
    const pid = victim === "host" ? this.#host.child.pid : pids[victim];
    if (pid === undefined) throw new Error(`no pid of ${victim}`);
    killTree(pid);
  }

  /** Starts the host again when it was killed; otherwise waits for nothing: parts come back by themselves. */
  async recover(victim: Victim): Promise<void> {
    if (victim !== "host") return;
    const { child } = this.#host;
    while (child.exitCode === null && child.signalCode === null) await pause(5);
    this.#host = await startHost({ state: this.#state.folder, listen: this.#listen }, () => undefined);
  }

  /** Pids of the parts that can be killed. */
  async pids(): Promise<Record<string, number>> {
    const answer = await askControl(this.#state.folder, "GET", "/v1/status");
    const found: Record<string, number> = {};
    for (const { name, pid } of (answer.body as HostStatus).processes) {
      if (pid !== null) found[name.startsWith("gate") ? "gate" : name] = pid;
    }
    return found;
  }

  async close(): Promise<void> {
    await this.#host.stop();
    await this.stage.stop();
    this.#state.remove();
  }
}

/** The process and all its descendants: a gate is a sandbox with its engine inside. */
function killTree(pid: number): void {
  for (const each of [...descendants(pid).reverse(), pid]) {
    try {
      process.kill(each, "SIGKILL");
    } catch {
      // It ended by itself in this very moment.
    }
  }
}

// Deployments with limits of their own on one host, between the notes server and a model that reports the usage a test
// chooses. What was asked of the model, and what it cost, is counted by the model's server, not by Ambit.
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import type { z } from "zod";
import { askControl } from "../src/cli/ask-host.ts";
import { putRelease } from "../src/cli/put-release.ts";
import type { Manifest } from "../src/controls/manifest/schema.ts";
import type { deployAnswer, HostStatus } from "../src/controls/wire/control.ts";
import { freshState, type FreshState } from "./fresh-state.ts";
import { HostileModel, sayJson, wholeAnswer, type ModelAnswer } from "./hostile-model.ts";
import { rebuild } from "./hostile-stage.ts";
import { readNotes, setNotesStage } from "./notes-stage.ts";
import { descendants } from "./process-tree.ts";
import type { SmallStage } from "./small-stage.ts";

export interface Posted {
  readonly status: number;
  readonly headers: Headers;
  /** A turn, or a problem document. */
  readonly body: {
    readonly state?: string;
    readonly reply?: string;
    readonly turn?: number;
    readonly thread?: string;
    readonly type?: string;
    readonly field?: string;
    readonly detail?: string;
  };
}

export interface PostOptions {
  readonly key?: string;
  readonly thread?: string;
  /** Seconds to wait for the answer; 0 returns when the message is accepted. */
  readonly wait?: number;
}

export class LimitsStage {
  readonly model: HostileModel;
  readonly #small: SmallStage;
  readonly #state: FreshState;
  readonly #tokens = new Map<string, string>();

  private constructor(model: HostileModel, small: SmallStage, state: FreshState) {
    this.model = model;
    this.#small = small;
    this.#state = state;
  }

  static async open(): Promise<LimitsStage> {
    const state = freshState();
    const model = await HostileModel.start();
    return new LimitsStage(model, await setNotesStage(state.folder), state);
  }

  /** Deploys under `name` with these limits, for everybody of acme.example. */
  async deploy(name: string, limits: Partial<Manifest["limits"]>, price?: { input: number; output: number }) {
    const release = rebuild(this.#small.release, (manifest) => {
      const model = { ...manifest.agent.model, base_url: this.model.url, ...(price ? { price } : {}) };
      return {
        ...{ ...manifest, name, agent: { ...manifest.agent, model } },
        channels: { api: { users: ["*@acme.example"] } },
        limits: { ...manifest.limits, ...limits },
        egress: {
          ...manifest.egress,
          allow_internal: [...manifest.egress.allow_internal, new URL(this.model.url).host],
        },
      };
    });
    const { status, body } = await putRelease(this.#state.folder, release);
    if (status !== 200) throw new Error(JSON.stringify(body));
    this.#tokens.set(name, (body as z.infer<typeof deployAnswer>).token ?? "");
  }

  /** Sends a message as `user` of acme.example, or as a whole name. */
  async post(name: string, user: string, text: string, { key, thread, wait = 20 }: PostOptions = {}): Promise<Posted> {
    const headers = {
      ...{ "content-type": "application/json", authorization: `Bearer ${this.#tokens.get(name)}` },
      ...(key === undefined ? {} : { "idempotency-key": key }),
      ...(wait > 0 ? { prefer: `wait=${wait}` } : {}),
    };
    const who = user.includes("@") ? user : `${user}@acme.example`;
    const body = JSON.stringify({ user: who, text, ...(thread === undefined ? {} : { thread }) });
    const url = `${this.#small.stage.url}/d/${name}/v1/messages`;
    const response = await fetch(url, { method: "POST", headers, body });
    return { status: response.status, headers: response.headers, body: (await response.json()) as Posted["body"] };
  }

  /** Waits for a turn that was accepted. */
  async follow(name: string, user: string, { thread, turn }: Posted["body"]): Promise<Posted["body"]> {
    const query = `user=${encodeURIComponent(`${user}@acme.example`)}&wait=20000`;
    const url = `${this.#small.stage.url}/d/${name}/v1/threads/${thread}/turns/${turn}?${query}`;
    for (let tries = 0; tries < 300; tries++) {
      const response = await fetch(url, { headers: { authorization: `Bearer ${this.#tokens.get(name)}` } });
      const body = (await response.json()) as Posted["body"];
      if (response.ok && body.state !== "queued" && body.state !== "running") return body;
      await pause(100);
    }
    throw new Error(`turn ${turn} of ${thread} did not end`);
  }

  /** Ends a gate by SIGKILL and waits until another one serves in its place. */
  async killGate(name: string): Promise<void> {
    const pid = await this.#gate(name);
    for (const each of [...descendants(pid).reverse(), pid]) {
      try {
        process.kill(each, "SIGKILL");
      } catch {
        // It ended with its parent.
      }
    }
    for (let tries = 0; tries < 200; tries++) {
      await pause(50);
      if ((await this.#gate(name)) !== pid && (await this.#gate(name)) !== 0) return;
    }
    throw new Error(`the gate of ${name} did not come back`);
  }

  async audit(name: string): Promise<{ event: string; detail: Record<string, unknown> }[]> {
    const path = `/v1/deployments/${name}/gate/control/audit?after=0`;
    const { body } = await askControl(this.#state.folder, "GET", path);
    const { entries } = body as { entries: { entry: { event: string; detail: Record<string, unknown> } }[] };
    return entries.map(({ entry }) => entry);
  }

  /** Asks for the first turn of a conversation; returns the status. */
  async ask(name: string, user: string, thread: string): Promise<number> {
    const query = `user=${encodeURIComponent(`${user}@acme.example`)}`;
    const url = `${this.#small.stage.url}/d/${name}/v1/threads/${thread}/turns/1?${query}`;
    const response = await fetch(url, { headers: { authorization: `Bearer ${this.#tokens.get(name)}` } });
    await response.arrayBuffer();
    return response.status;
  }

  /** How many conversations have a file. */
  conversations(name: string): number {
    const files = readdirSync(join(this.#state.folder, "gates", name, "data", `${name}-Thread`));
    return files.filter((file) => file.endsWith(".sqlite") && file !== "metadata.sqlite").length;
  }

  /** Calls that the tool server saw. */
  notes(): string[] {
    return readNotes(this.#small.stage);
  }

  async stop(): Promise<void> {
    await this.#small.stage.stop();
    await this.model.end();
    this.#state.remove();
  }

  async #gate(name: string): Promise<number> {
    const { body } = await askControl(this.#state.folder, "GET", "/v1/status");
    return (body as HostStatus).processes.find((part) => part.name === `gate:${name}`)?.pid ?? 0;
  }
}

/** Answers with a text and says what it cost. */
export function sayCost(input: number, output: number): ModelAnswer {
  const usage = { prompt_tokens: input, completion_tokens: output, total_tokens: input + output };
  return (response) => sayJson(response, wholeAnswer({ role: "assistant", content: "Paid." }, { usage }));
}

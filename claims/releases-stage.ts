// One deployment whose releases a test makes from one another, between the notes server and a model that tells which release
// asked it: the instructions that stand before a message are the release's own, and the model's server is not Ambit's.
import type { z } from "zod";
import { ChannelClient } from "../src/cli/channel-client.ts";
import { askControl } from "../src/cli/ask-host.ts";
import { startHost, type RunningHost } from "../src/cli/host-process.ts";
import { putRelease } from "../src/cli/put-release.ts";
import { hashRelease } from "../src/controls/manifest/hash.ts";
import type { Release } from "../src/controls/manifest/release.ts";
import type { DeployAnswer } from "../src/controls/wire/control.ts";
import type { Problem } from "../src/controls/wire/gate.ts";
import type { ProposalView, releaseList } from "../src/controls/wire/releases.ts";
import type { ControlAnswer } from "../src/host/control-client.ts";
import { freshState, type FreshState } from "./fresh-state.ts";
import { HostileModel, type ModelRequest } from "./hostile-model.ts";
import { rebuild } from "./hostile-stage.ts";
import { readNotes, setNotesStage } from "./notes-stage.ts";
import type { SmallStage } from "./small-stage.ts";

export type Answer = Partial<DeployAnswer & Problem & ProposalView>;

export class ReleasesStage {
  readonly model: HostileModel;
  readonly small: SmallStage;
  readonly name: string;
  /** The first release. */
  readonly release: Release;
  readonly token: string;
  readonly client: ChannelClient;
  readonly #state: FreshState;
  #host: RunningHost;

  private constructor(model: HostileModel, small: SmallStage, release: Release, token: string, state: FreshState) {
    this.model = model;
    this.small = small;
    this.release = release;
    this.name = release.manifest.name;
    this.token = token;
    this.client = new ChannelClient(small.stage.url, this.name, token, "amy");
    this.#state = state;
    this.#host = small.stage.host;
  }

  static async open(name: string): Promise<ReleasesStage> {
    const state = freshState();
    const [model, small] = await Promise.all([HostileModel.start(), setNotesStage(state.folder)]);
    const release = withInstructions(
      rebuild(small.release, (manifest) => {
        const { agent, egress } = manifest;
        const allow_internal = [...egress.allow_internal, new URL(model.url).host];
        const asked = { ...agent, model: { ...agent.model, base_url: model.url } };
        const channels = { api: { users: ["amy", "*@acme.example"] } };
        return { ...manifest, name, channels, agent: asked, egress: { ...egress, allow_internal } };
      }),
      "release 0",
    );
    const { status, body } = await putRelease(state.folder, release);
    if (status !== 200) throw new Error(JSON.stringify(body));
    return new ReleasesStage(model, small, release, (body as DeployAnswer).token ?? "", state);
  }

  get state(): string {
    return this.#state.folder;
  }

  /** Asks the supervisor about this deployment. */
  ask(method: string, path: string, body?: unknown): Promise<ControlAnswer> {
    return askControl(this.#state.folder, method, `/v1/deployments/${this.name}${path}`, { body });
  }

  /** The same, for an answer that must be good. */
  async get<T>(path: string): Promise<T> {
    const { status, body } = await this.ask("GET", path);
    if (status !== 200) throw new Error(JSON.stringify(body));
    return body as T;
  }

  /** Deploys with nothing accepted, or with this hash. */
  async deploy(release: Release, accept?: string, by = "amy"): Promise<{ status: number; body: Answer }> {
    const { status, body } = await this.ask("PUT", "", { release, by, ...(accept === undefined ? {} : { accept }) });
    return { status, body: body as Answer };
  }

  /** Deploys and accepts whatever grew. */
  async deployAnyway(release: Release, drainMs?: number, by = "amy"): Promise<{ status: number; body: Answer }> {
    const { status, body } = await putRelease(this.#state.folder, release, {
      by,
      ...(drainMs === undefined ? {} : { drainMs }),
    });
    return { status, body: body as Answer };
  }

  async rollback(more: object = {}): Promise<{ status: number; body: Answer }> {
    const { status, body } = await this.ask("POST", "/rollback", more);
    return { status, body: body as Answer };
  }

  history(): Promise<z.infer<typeof releaseList>> {
    return this.get("/releases");
  }

  /** Hash of the release that the registry says runs, and of the one that the gate says it serves. */
  async runs(): Promise<readonly [string, string]> {
    const [{ releases }, gate] = await Promise.all([
      this.history(),
      this.get<{ release: string }>("/gate/control/status"),
    ]);
    return [releases.find(({ running }) => running)?.release ?? "", gate.release];
  }

  notes(): string[] {
    return readNotes(this.small.stage);
  }

  /** The releases that asked the model about a message, in order and with repetitions. */
  askedBy(text: string): string[] {
    return this.model.requestsOf(text).map(instructionsOf);
  }

  /** Tells the host to end, as `./ambit down` does; `ended` resolves when its process has. */
  async stop(drainMs: number): Promise<{ pid: number; ended: Promise<void> }> {
    const { child } = this.#host;
    const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
    const { status } = await askControl(this.#state.folder, "POST", "/v1/stop", { body: { drainMs } });
    if (status !== 202) throw new Error(`the host answered ${status}`);
    return { pid: child.pid ?? -1, ended };
  }

  /** Starts it again at the same address. */
  async startAgain(): Promise<void> {
    const listen = new URL(this.small.stage.url).host;
    this.#host = await startHost({ state: this.#state.folder, listen }, () => undefined);
  }

  async close(): Promise<void> {
    await this.#host.stop();
    await this.small.stage.stop();
    await this.model.end();
    this.#state.remove();
  }
}

/** The same with another text before every message. */
export function withInstructions(release: Release, instructions: string): Release {
  const { release: _hash, ...parts } = release;
  const changed = { ...parts, instructions };
  return { ...changed, release: hashRelease(changed) };
}

/** The `release N` that stands in a request. */
export function instructionsOf({ messages }: ModelRequest): string {
  const text = messages.find(({ role }) => role === "system")?.content;
  return /release \d+/.exec(JSON.stringify(text ?? ""))?.[0] ?? "none";
}

// A deployment between a hostile tool server and a hostile model, on a host where a harmless one runs beside it. What the
// gate said is read from the turn's reply and from the audit; what happened, from the servers' own counts.
import { setTimeout as pause } from "node:timers/promises";
import { askControl } from "../src/cli/ask-host.ts";
import { putRelease } from "../src/cli/put-release.ts";
import { ChannelClient } from "../src/cli/channel-client.ts";
import { hashRelease } from "../src/controls/manifest/hash.ts";
import type { Release } from "../src/controls/manifest/release.ts";
import type { deployAnswer, HostStatus } from "../src/controls/wire/control.ts";
import type { Problem, ToolView, TurnAnswer } from "../src/controls/wire/gate.ts";
import type { z } from "zod";
import { freshState, type FreshState } from "./fresh-state.ts";
import { HostileModel } from "./hostile-model.ts";
import { HostileServer } from "./hostile-server.ts";
import { setSmallStage, type SmallStage } from "./small-stage.ts";

export interface AuditEntry {
  readonly event: string;
  readonly thread?: string;
  readonly detail: Record<string, unknown>;
}

/** A message, its answer, and the audit of its turn. */
export interface Said {
  readonly answer: TurnAnswer;
  readonly ms: number;
  readonly entries: readonly AuditEntry[];
  /** `event`, or `event: reason` where there is one, in the order of the chain. */
  readonly events: readonly string[];
}

interface Deployed {
  readonly release: Release;
  readonly client: ChannelClient;
}

const name = "hostile";

export class HostileStage {
  readonly server: HostileServer;
  readonly model: HostileModel;
  readonly small: SmallStage;
  readonly release: Release;
  readonly client: ChannelClient;
  readonly #state: FreshState;
  #audited = 0;
  readonly #entries: AuditEntry[] = [];

  private constructor(server: HostileServer, model: HostileModel, small: SmallStage, at: Deployed, state: FreshState) {
    this.server = server;
    this.model = model;
    this.small = small;
    this.release = at.release;
    this.client = at.client;
    this.#state = state;
  }

  /** @param limits YAML flow mapping of the deployment's limits; its one tool, `act`, has a timeout of one second */
  static async open(limits: string): Promise<HostileStage> {
    const state = freshState();
    const [server, model] = await Promise.all([HostileServer.start(), HostileModel.start()]);
    const small = await setSmallStage({
      ...{ state: state.folder, name: "harmless", server: async () => server, more: `limits: ${limits}` },
      tools: "{ act: { effect: local, authority: [n], timeout: 1s } }",
    });
    const release = rebuild(small.release, (manifest) => withModel(manifest, model.url));
    const { body } = await askControl(state.folder, "PUT", `/v1/deployments/${name}`, { body: { release } });
    const { token } = body as z.infer<typeof deployAnswer>;
    const client = new ChannelClient(small.stage.url, name, token ?? "", "amy");
    return new HostileStage(server, model, small, { release, client }, state);
  }

  /** Deploys a release; undefined when it was accepted, otherwise the line that the operator reads. */
  async deploy(release: Release = this.release): Promise<string | undefined> {
    const { status, body } = await putRelease(this.#state.folder, release);
    return status === 200 ? undefined : (body as Problem).detail;
  }

  /** Asks the gate as the operator. */
  async ask<T>(method: string, path: string, body?: unknown): Promise<T> {
    const answer = await askControl(this.#state.folder, method, `/v1/deployments/${name}/gate/control/${path}`, {
      body,
    });
    return answer.body as T;
  }

  async tools(): Promise<ToolView[]> {
    return (await this.ask<{ tools: ToolView[] }>("GET", "tools")).tools;
  }

  /** How often the gate was started again. */
  async restarts(): Promise<number> {
    const { body } = await askControl(this.#state.folder, "GET", "/v1/status");
    return (body as HostStatus).processes.find((part) => part.name === `gate:${name}`)?.restarts ?? -1;
  }

  /** Sends a message and waits for its turn, and for the turn's last entry in the audit. */
  async say(text: string, thread?: string): Promise<Said> {
    const began = Date.now();
    const answer = await this.client.say(text, thread);
    const ms = Date.now() - began;
    const entries = await this.#entriesOf(answer);
    const events = entries.map(({ event, detail }) =>
      typeof detail["reason"] === "string" ? `${event}: ${detail["reason"]}` : event,
    );
    return { answer, ms, entries, events };
  }

  async stop(): Promise<void> {
    await this.small.stage.stop();
    await this.model.end();
    this.#state.remove();
  }

  async #entriesOf({ thread, turn }: TurnAnswer): Promise<AuditEntry[]> {
    const isIts = (entry: AuditEntry & { turn?: number }) =>
      entry.thread === `api:amy:${thread}` && entry.turn === turn;
    for (let tries = 0; ; tries++) {
      await this.#readAudit();
      const found = this.#entries.filter(isIts);
      if (found.some(({ event }) => event === "turn_closed")) return found;
      if (tries === 100) throw new Error(`the audit never said that turn ${turn} of ${thread} was closed`);
      await pause(30);
    }
  }

  async #readAudit(): Promise<void> {
    for (;;) {
      const page = await this.ask<{ entries: { entry: AuditEntry & { seq: number } }[] }>(
        "GET",
        `audit?after=${this.#audited}`,
      );
      const fresh = page.entries.map(({ entry }) => entry).filter(({ seq }) => seq > this.#audited);
      this.#entries.push(...fresh);
      this.#audited = fresh.at(-1)?.seq ?? this.#audited;
      if (fresh.length === 0) return;
    }
  }
}

/** A release with another manifest, named by its own hash. */
export function rebuild(from: Release, change: (manifest: Release["manifest"]) => Release["manifest"]): Release {
  const { release: _, ...parts } = from;
  const changed = { ...parts, manifest: change(parts.manifest) };
  return { ...changed, release: hashRelease(changed) };
}

function withModel(manifest: Release["manifest"], url: string): Release["manifest"] {
  const { agent, egress } = manifest;
  const asked = { ...agent, model: { ...agent.model, base_url: url } };
  const allow_internal = [...egress.allow_internal, new URL(url).host];
  return { ...manifest, name, agent: asked, egress: { ...egress, allow_internal } };
}

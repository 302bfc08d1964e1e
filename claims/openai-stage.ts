// For the claim of the OpenAI face: a host with two deployments over the same real tool server. `notes` has the scripted
// model; `paced` a model server that answers when the test says so, so that a client can be cut off in the middle.
import OpenAI from "openai";
import { putRelease } from "../src/cli/put-release.ts";
import { hashRelease } from "../src/controls/manifest/hash.ts";
import type { Release } from "../src/controls/manifest/release.ts";
import type { ApprovalView } from "../src/controls/wire/gate.ts";
import { askControl } from "../src/cli/ask-host.ts";
import { freshState, type FreshState } from "./fresh-state.ts";
import { HostileModel } from "./hostile-model.ts";
import { setNotesStage } from "./notes-stage.ts";
import type { SmallStage } from "./small-stage.ts";

export interface Served {
  readonly name: string;
  /** Ends in `/v1`. */
  readonly base: string;
  readonly token: string;
  /** The official client, which repeats nothing by itself. */
  readonly client: OpenAI;
}

const tools = `{ note: { effect: local, payload: [text] },
  announce: { effect: outward, impact: publish, authority: [text], review: { by: editors, expires: 1h } } }`;
const people = `approvers: { editors: [editor] }`;

export class OpenAiStage {
  readonly small: SmallStage;
  readonly model: HostileModel;
  readonly notes: Served;
  readonly paced: Served;
  readonly state: FreshState;

  private constructor(state: FreshState, small: SmallStage, model: HostileModel, notes: Served, paced: Served) {
    [this.state, this.small, this.model, this.notes, this.paced] = [state, small, model, notes, paced];
  }

  static async open(): Promise<OpenAiStage> {
    const state = freshState();
    const model = await HostileModel.start();
    const small = await setNotesStage(state.folder, "notes", undefined, tools, people);
    const { stage, release } = small;
    const { manifest } = release;
    const at = { provider: "openai-compatible" as const, base_url: model.url, name: "paced" };
    const egress = { allow_internal: [...manifest.egress.allow_internal, new URL(model.url).host] };
    const paced = withManifest(release, {
      ...{ ...manifest, name: "paced", agent: { ...manifest.agent, model: { ...manifest.agent.model, ...at } } },
      egress: { ...manifest.egress, ...egress },
    });
    const deployed = await putRelease(state.folder, paced, { by: "amy" });
    const token = (deployed.body as { token: string }).token;
    const notes = serve(stage.url, "notes", stage.token);
    return new OpenAiStage(state, small, model, notes, serve(stage.url, "paced", token));
  }

  /** Deploys `notes` again with these users. */
  async listUsers(users: string[]): Promise<void> {
    const { release } = this.small;
    const { manifest } = release;
    const next = withManifest(release, { ...manifest, channels: { api: { ...manifest.channels.api, users } } });
    const { status, body } = await putRelease(this.state.folder, next, { by: "amy" });
    if (status !== 200) throw new Error(JSON.stringify(body));
  }

  async approve(callId: string): Promise<number> {
    const path = `/v1/deployments/notes/gate/control/approvals/${callId}`;
    const { actionHash } = (await askControl(this.state.folder, "GET", path)).body as ApprovalView;
    const body = { decision: "approve", actionHash, by: "editor", note: "" };
    return (await askControl(this.state.folder, "POST", path, { body })).status;
  }

  async close(): Promise<void> {
    await this.small.stage.stop();
    await this.model.end();
    this.state.remove();
  }
}

/** A request as it is, without a client that would mend it. */
export function post(
  { base, token }: Served,
  path: string,
  body: unknown,
  headers: Record<string, string> = {},
): Promise<Response> {
  const own = { "content-type": "application/json", authorization: `Bearer ${token}` };
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return fetch(base + path, { method: "POST", headers: { ...own, ...headers }, body: text });
}

function serve(url: string, name: string, token: string): Served {
  const base = `${url}/d/${name}/v1`;
  return { name, base, token, client: new OpenAI({ baseURL: base, apiKey: token, maxRetries: 0 }) };
}

function withManifest({ release: _hash, ...parts }: Release, manifest: Release["manifest"]): Release {
  const changed = { ...parts, manifest };
  return { ...changed, release: hashRelease(changed) };
}

// An agent of the examples on the demo's host, a payables clerk or an access desk: deployed from the example's own file with the addresses of this run and, for some
// scenes, with a few words changed. The file that was deployed stays in the demo's folder under the deployment's name, and
// what was changed in it is said: a scene that needs another file must not look as if it did not.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { z } from "zod";
import type { deployAnswer } from "../controls/wire/control.ts";
import type { ControlAnswer } from "../host/control-client.ts";
import { CommandError } from "./arguments.ts";
import { ChannelClient } from "./channel-client.ts";
import { root } from "./child.ts";
import { askControl } from "./ask-host.ts";
import { loadRelease } from "./load-release.ts";
import { putRelease } from "./put-release.ts";

export interface Clerk {
  readonly name: string;
  readonly token: string;
  /** Amy, a listed user. */
  readonly client: ChannelClient;
  /** Somebody else on the same channel. */
  as(user: string): ChannelClient;
  /** A request to the gate as the operator. Throws CommandError with the gate's own words. */
  ask<T>(method: string, path: string, body?: unknown): Promise<T>;
  /** A request about the deployment to the host: freeze, thaw. Throws CommandError with the host's own words. */
  host(method: string, path: string, body?: unknown): Promise<unknown>;
  /** As `ask`, for who wants to see a refusal. */
  send(method: string, path: string, body?: unknown): Promise<ControlAnswer>;
}

/** The first `find` behind the first `after` becomes `replace`. */
export interface Edit {
  readonly after: string;
  readonly find: string;
  readonly replace: string;
}

export interface ClerkOffice {
  /** Folder under `examples` and name of the deployment in it. */
  readonly example: "payables-clerk" | "access-desk";
  /** Where deployment files, their instructions and the file of what they work on lie. */
  readonly folder: string;
  /** State folder of the running host, and its URL. */
  readonly state: string;
  readonly url: string;
  /** The addresses of this run in the example's own file. */
  readonly addressed: (text: string) => string;
  readonly secrets: Readonly<Record<string, string>>;
}

export const amy = "amy@acme.example";

/** Deploys the example under a name; the second time, with `known`, it is a new release of the same deployment. */
export async function deployClerk(
  office: ClerkOffice,
  name: string = office.example,
  edits: readonly Edit[] = [],
  known?: Clerk,
): Promise<Clerk> {
  const { release } = loadRelease(writeFiles(office, name, edits));
  const host = (method: string, path: string, extra: { body?: unknown; raw?: string }) =>
    askControl(office.state, method, `/v1/deployments/${name}${path}`, extra);
  if (!known) {
    for (const [secret, raw] of Object.entries(office.secrets))
      expectDone(await host("PUT", `/secrets/${secret}`, { raw }));
  }
  const answer = expectDone(await putRelease(office.state, release)) as z.infer<typeof deployAnswer>;
  const token = answer.token ?? known?.token;
  if (token === undefined)
    throw new CommandError(`${name} is deployed on ${office.state} already; give the demo an empty --state DIR`);
  const as = (user: string) => new ChannelClient(office.url, name, token, user);
  const send = (method: string, path: string, body?: unknown) => host(method, `/gate/${path}`, { body });
  const ask = async (method: string, path: string, body?: unknown) =>
    expectDone(await send(method, path, body)) as never;
  const toHost = async (method: string, path: string, body?: unknown) =>
    expectDone(await host(method, `/${path}`, { body }));
  return { name, token, client: as(amy), as, send, ask, host: toHost };
}

/** The text with all edits, in order. Throws CommandError when one does not fit. */
export function editText(text: string, edits: readonly Edit[]): string {
  return edits.reduce((before, { after, find, replace }) => {
    const from = before.indexOf(after);
    const at = from < 0 ? -1 : before.indexOf(find, from);
    if (at < 0) throw new CommandError(`the example's agent.yaml has no "${find}" after "${after}"`);
    return before.slice(0, at) + replace + before.slice(at + find.length);
  }, text);
}

/** What a file with these edits says otherwise than the example, for people. */
export function describeEdits(edits: readonly Edit[]): string {
  const words = edits.map(({ find, replace }) =>
    replace.includes(find)
      ? `"${oneLine(replace.replace(find, "").replace(/^[,\s]+/, ""))}" added`
      : `"${oneLine(replace)}" instead of "${oneLine(find)}"`,
  );
  return words.join(" and ");
}

function oneLine(text: string): string {
  return text.trim().replaceAll(/\s+/g, " ");
}

function writeFiles(office: ClerkOffice, name: string, edits: readonly Edit[]): string {
  const { folder, addressed } = office;
  const example = `${root}examples/${office.example}/`;
  const renamed = { after: "", find: `name: ${office.example}`, replace: `name: ${name}` };
  const text = editText(readFileSync(`${example}agent.yaml`, "utf8"), [renamed, ...edits]);
  const file = join(folder, `${name}.yaml`);
  writeFileSync(file, addressed(text));
  writeFileSync(join(folder, "instructions.md"), readFileSync(`${example}instructions.md`));
  return file;
}

function expectDone({ status, body }: ControlAnswer): unknown {
  if (status < 400) return body;
  const problem = body as { detail?: string; field?: string } | undefined;
  throw new CommandError(
    `${problem?.field ? `${problem.field}: ` : ""}${problem?.detail ?? `the host answered ${status}`}`,
  );
}

// Control `redeploys`: a new release runs, or the old one does; nothing in between. The registry's row is written after
// the new gate has shown that it serves this very release and has pinned its tools, and only then may front see it. Killed
// at any moment before that, the machine comes back with the release that worked.
import { randomBytes } from "node:crypto";
import { existsSync, realpathSync } from "node:fs";
import { resolve } from "node:path";
import { mintToken, tokenRandomBytes } from "../../controls/access/token.ts";
import { hashRelease } from "../../controls/manifest/hash.ts";
import { findOverlayFault } from "../../controls/manifest/overlaid.ts";
import { lintManifest } from "../../controls/manifest/lint.ts";
import type { Release } from "../../controls/manifest/release.ts";
import { printable } from "../../controls/manifest/printable.ts";
import type { DeployAnswer } from "../../controls/wire/control.ts";
import type { Problem } from "../../controls/wire/gate.ts";
import type { AuthorityDiffView, deployRequest, ProposalView } from "../../controls/wire/releases.ts";
import type { z } from "zod";
import { abandon } from "./cut-off.ts";
import { Gate, PinRefused } from "./gate.ts";
import { compareRelease, decideGrowth } from "./growth.ts";
import { decideHostNames } from "./host-names.ts";
import type { Host } from "./host.ts";
import { decideSocketPath, findGatePlaces } from "./places.ts";
import { makeProblem } from "./problem.ts";
import { propose } from "./proposals.ts";
import type { DeploymentRow } from "./registry.ts";
import type { DeployNote } from "./release-store.ts";
import { chooseGateId } from "./user-ids.ts";

export type Deployed =
  | { readonly answer: DeployAnswer }
  /** Kept until a second person agrees. */
  | { readonly proposed: ProposalView }
  | { readonly problem: Problem };

/** A release that is to run. */
export interface Order extends DeployNote {
  readonly release: Release;
  /** What it may do beside the release that runs. */
  readonly authority: AuthorityDiffView;
  /** How long turns may take to end on the release before, milliseconds. */
  readonly drainMs: number;
}

/** Checks that need nothing but the request itself. */
function decideRelease(host: Host, name: string, release: Release): Problem | undefined {
  const { release: hash, ...parts } = release;
  if (release.manifest.name !== name) {
    const detail = `the release is for ${release.manifest.name}, the path says ${name}: use the path of its own name`;
    return makeProblem(422, "wrong_name", detail, "release.manifest.name");
  }
  if (hashRelease(parts) !== hash) {
    const detail = "release.release is not the hash of the release: build it again with ambit deploy";
    return makeProblem(422, "wrong_hash", detail, "release.release");
  }
  if ((release.policy === null) !== (release.manifest.policy === undefined)) {
    const detail =
      "the release has policies without a file that names them, or the other way round: build it again with ambit deploy";
    return makeProblem(422, "wrong_policy", detail, "release.policy");
  }
  const merged = findOverlayFault(release);
  if (merged !== undefined) return makeProblem(422, "wrong_overlays", merged.message.slice(0, 2000), merged.field);
  // Again, and not only by the command line: a release that came straight to the socket was looked at by nobody.
  const fault = lintManifest(release.manifest).find(({ level }) => level === "error");
  if (fault !== undefined) return makeProblem(422, "unsafe_release", fault.message, `release.manifest.${fault.field}`);
  for (const [view, file] of Object.entries(release.recordFiles)) {
    if (!isOurs(host, file)) continue;
    const detail = `${file} is a file of Ambit itself, and of every deployment on it: name a database of your own`;
    return makeProblem(422, "record_file_refused", detail, `records.${view}.file`);
  }
  const { door, staged, socket } = findGatePlaces(host.places, name);
  const tooLong = [door, staged, socket].map(decideSocketPath).find((wrong) => wrong !== undefined);
  return tooLong === undefined ? undefined : makeProblem(422, "path_too_long", tooLong, "release.manifest.name");
}

/** A record view reads any database that the broker can open: its own and, without root, those of all gates. */
function isOurs({ places }: Host, file: string): boolean {
  const real = existsSync(file) ? realpathSync(file) : resolve(file);
  return [places.state, places.run].some((folder) => real.startsWith(`${folder}/`));
}

/** Runs one deploy from its request to its answer. */
export async function deploy(host: Host, name: string, asked: z.infer<typeof deployRequest>): Promise<Deployed> {
  const { release, accept, drainMs, expects } = asked;
  const problem = decideRelease(host, name, release);
  if (problem !== undefined) return { problem };
  return onlyOne(host, name, async () => {
    const taken = decideHostNames(host.gates, name, release);
    if (taken !== undefined) return { problem: taken };
    const before = host.registry.find(name);
    const runs = before?.release?.release ?? null;
    if (expects !== undefined && expects !== runs) {
      const detail = `expects: ${name} runs ${runs ?? "nothing"} now: look at what changed, then deploy onto that`;
      return { problem: makeProblem(412, "release_changed", detail, "expects") };
    }
    const authority = compareRelease(before, release);
    const by = printable(asked.by, 254);
    const order = { release, authority, by, drainMs, diff: before === undefined ? null : authority.hash };
    if (before === undefined) return create(host, name, order);
    const verdict = decideGrowth(name, before, authority, accept);
    if (verdict === "propose") return { proposed: propose(host, before, release, authority, by) };
    return verdict === "go" ? replace(host, before, order) : { problem: verdict };
  });
}

/** One change of a deployment at a time. */
export async function onlyOne<T>(
  host: Host,
  name: string,
  work: () => Promise<T>,
): Promise<T | { readonly problem: Problem }> {
  if (host.busy.has(name)) {
    const detail = `another deploy of ${name}, or its thaw, is under way: wait for it and try again`;
    return { problem: makeProblem(409, "deploy_under_way", detail) };
  }
  host.busy.add(name);
  try {
    return await work();
  } finally {
    host.busy.delete(name);
  }
}

async function create(host: Host, name: string, order: Order): Promise<Deployed> {
  const { release } = order;
  const { folder } = findGatePlaces(host.places, name);
  if (existsSync(folder)) {
    const detail = `${folder} holds data of a deployment that this Ambit does not know: move it away, or choose another name`;
    return { problem: makeProblem(409, "folder_in_the_way", detail, "release.manifest.name") };
  }
  const uid = host.ids.own ? chooseGateId(host.ids, host.registry.usedUids()) : host.ids.base;
  if (uid === undefined) {
    const detail = "all 90 user ids of this state folder are in use: start another Ambit with another --state for more";
    return { problem: makeProblem(422, "no_user_id", detail) };
  }
  const { token, id, digest } = mintToken("ch", randomBytes(tokenRandomBytes));
  host.registry.begin(name, uid);
  const row = { name, uid, tokenDigest: digest, tokenId: id, created: new Date().toISOString() };
  const tried = await tryRelease(host, { ...row, release }, order);
  if ("voided" in tried) return conclude(host, name, order, token, tried.voided);
  await host.gates.get(name)?.part.stop();
  await abandon(host, name);
  return { problem: refused(host, name, release, `${tried.why}; nothing was deployed`) };
}

/** Puts a release in the place of the one that runs, or has that one run again. */
export async function replace(host: Host, before: DeploymentRow, order: Order): Promise<Deployed> {
  const { name } = before;
  const { release } = order;
  host.registry.begin(name, before.uid);
  const tried = await tryRelease(host, { ...before, release }, order);
  if ("voided" in tried) return conclude(host, name, order, null, tried.voided);
  await host.gates.get(name)?.part.stop();
  if (before.release !== undefined) await restore(host, before, before.release, tried.mayHavePinned);
  const { by, diff } = order;
  host.registry.releases.add(name, release, { by, diff, outcome: tried.why });
  return { problem: refused(host, name, release, `${tried.why}; the release before it runs again`) };
}

interface Failed {
  readonly why: string;
  /** The gate may have taken the new release for the one that runs. */
  readonly mayHavePinned: boolean;
}

/** Starts the gate out of front's sight, has it pin its tools, writes the row. Returns how many held calls that voided, or what went wrong. */
async function tryRelease(
  host: Host,
  row: DeploymentRow & { readonly release: Release },
  { by, diff, drainMs }: Order,
): Promise<Failed | { readonly voided: number | null }> {
  const gate = new Gate(host.gateHost, row, row.release, false);
  let pinning = false;
  try {
    await host.gateHost.cedar.prepare(row.release);
    await host.gates.get(row.name)?.end(drainMs);
    // Again, and at once before it is among the gates: another deployment may have taken a name meanwhile.
    const taken = decideHostNames(host.gates, row.name, row.release);
    if (taken !== undefined) throw new Error(taken.detail);
    host.startGate(gate);
    await Promise.all([host.openDoor(gate), gate.part.ready()]);
    pinning = true;
    const voided = await host.pin(gate);
    host.registry.commit(row, { by, diff });
    return { voided };
  } catch (error) {
    return { why: describe(error), mayHavePinned: pinning && !(error instanceof PinRefused) };
  }
}

function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function conclude(
  host: Host,
  name: string,
  { release, authority }: Order,
  token: string | null,
  voided: number | null,
): Deployed {
  host.gates.get(name)?.publish();
  host.forgetWeaker(name);
  host.log.event("deployed", { deployment: name, release: release.release });
  const frozen = host.registry.frozen(name) ?? null;
  const url = `${host.listen.url}/d/${name}`;
  return { answer: { name, release: release.release, token, url, frozen, authority, voided } };
}

/** Brings the release before back. What fails here is tried again by itself: by restarts, or when the broker is back. */
async function restore(host: Host, row: DeploymentRow, release: Release, pinAgain: boolean): Promise<void> {
  try {
    const gate = new Gate(host.gateHost, row, release, true);
    host.startGate(gate);
    await Promise.all([host.openDoor(gate), gate.part.ready()]);
    // Only then: pinning takes what the servers say now, and nobody asked for that.
    if (pinAgain) await host.pin(gate);
    host.registry.undo(row.name);
  } catch (error) {
    host.log.event("restore_incomplete", { deployment: row.name, why: describe(error) });
  }
}

function refused(host: Host, name: string, release: Release, detail: string): Problem {
  host.audit.append(name, "deploy_refused", { release: release.release, why: detail.slice(0, 500) });
  host.log.event("deploy_refused", { deployment: name, release: release.release, why: detail });
  return makeProblem(422, "deploy_refused", detail);
}

// The small stage with a server that pays under several names, each with bounds of its own, and what the claims about them
// share.
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { endChild, node, root, spawnTied, waitReady } from "../src/cli/child.ts";
import type { RunningHost } from "../src/cli/host-process.ts";
import { freshState } from "./fresh-state.ts";
import { setSmallStage, type SmallStage } from "./small-stage.ts";

/** `tools` maps a tool's name to its contract, as YAML flow; `more` are further lines of the deployment file. */
export function setPayStage(
  state: string,
  name: string,
  tools: Readonly<Record<string, string>>,
  { host, more = "" }: { readonly host?: RunningHost; readonly more?: string } = {},
): Promise<SmallStage> {
  const contracts = Object.entries(tools).map(([tool, contract]) => `${tool}: ${contract}`);
  return setSmallStage({
    ...{ state, name, more, tools: `{ ${contracts.join(", ")} }`, ...(host ? { host } : {}) },
    server: async (folder) => {
      const file = join(folder, "paid.txt");
      writeFileSync(file, "");
      const args = ["--file", file, ...Object.keys(tools)];
      const child = spawnTied("claims/pay-server.ts", args, { PATH: process.env["PATH"] }, "inherit");
      const { url } = await waitReady(child, "the payment server", 30_000);
      return { url, end: () => endChild(child, 2000) };
    },
  });
}

/** What a tool paid, in the order in which the server saw it: `5 EUR`. */
export function readPaid({ erpFile }: SmallStage["stage"], tool: string): string[] {
  const lines = readFileSync(join(erpFile, "paid.txt"), "utf8").split("\n");
  return lines.filter((line) => line.startsWith(`${tool} `)).map((line) => line.slice(tool.length + 1));
}

export const state = freshState();

const pay = "effect: reversible, authority: [cents, currency]";
const spend = `effect: irreversible, impact: spend, authority: [cents], max: { cents: 10 }, review: { by: finance }`;
export const bounded = {
  pay: `{ ${pay}, max: { cents: 500 } }`,
  turn_count: `{ ${pay}, max: { per_turn: 2 } }`,
  user_count: `{ ${pay}, max: { per_user: 2 } }`,
  day_count: `{ ${pay}, max: { per_day: 2 } }`,
  turn_sum: `{ ${pay}, total: { cents: { per_turn: 100 } } }`,
  user_sum: `{ ${pay}, total: { cents: { per_user: 100 } } }`,
  day_sum: `{ ${pay}, total: { cents: { per_day: 100 } } }`,
  sum_after_kill: `{ ${pay}, total: { cents: { per_day: 100 } } }`,
  strict_sum: `{ ${pay}, total: { cents: { per_day: 100000 } } }`,
  euros: `{ ${pay}, only: { currency: [EUR] }, max: { cents: 1000000 } }`,
  explained: `{ ${pay}, total: { cents: { per_day: 100 } } }`,
  reviewed: `{ ${spend} }`,
};
export const finance = "approvers: { finance: [fay@acme.example] }";

/** Set when the first test asks for it: a run of one test sets only what it needs. */
export const paying = once(() => setPayStage(state.folder, "paying", bounded, { more: finance }));

export function once(open: () => Promise<SmallStage>) {
  let opening: Promise<SmallStage> | undefined;
  return { open: () => (opening ??= open()), opened: () => Promise.resolve(opening).catch(() => undefined) };
}

/** An order that the scripted model takes from any text. */
export function order(tool: string, args: object): string {
  return `call the tool ${tool} with ${JSON.stringify(args)}`;
}

export type Entry = { event: string; detail: Record<string, unknown> };

/** The whole chain of a deployment, by pages. */
export async function audit({ stage }: SmallStage): Promise<Entry[]> {
  const entries: Entry[] = [];
  for (;;) {
    const path = `control/audit?after=${entries.length}`;
    const page = await stage.ask<{ entries: { entry: Entry }[] }>("GET", path);
    if (page.entries.length === 0) return entries;
    entries.push(...page.entries.map(({ entry }) => entry));
  }
}

/** The command line on the state folder of these deployments. */
export function ambit(...words: string[]) {
  return spawnSync(node, [`${root}src/cli/main.ts`, ...words, "--state", state.folder], { encoding: "utf8" });
}

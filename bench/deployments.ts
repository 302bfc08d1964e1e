// How long until a deployment serves, and how much memory does it take? Deploys the same file under 1, 10 and 50 names on
// one host, has each gate answer one message, and reads the proportional set size of each gate (its engine and sandbox).
// With --policy each has a policy file, and so Cedar in its gate.
// Usage: node bench/deployments.ts [--counts 1,10,50] [--policy]
import { parseArgs } from "node:util";
import type { HostStatus } from "../src/controls/wire/control.ts";
import { hashRelease } from "../src/controls/manifest/hash.ts";
import { askControl } from "../src/cli/control.ts";
import { ChannelClient } from "../src/cli/channel-client.ts";
import { freshState } from "../claims/fresh-state.ts";
import { setNotesStage } from "../claims/notes-stage.ts";
import { keepResult } from "./machine.ts";
import { round, spread } from "./statistics.ts";

const { values } = parseArgs({
  options: { counts: { type: "string", default: "1,10,50" }, policy: { type: "boolean", default: false } },
});
const counts = values.counts.split(",").map(Number);
const state = freshState();
const { stage, release } = await setNotesStage(state.folder);
/** Ten policies, one of which looks at every call. */
const policy = values.policy
  ? `forbid(principal, action == Action::"note", resource) when { context.args.text like "*secret*" };
${`forbid(principal == User::"mallory", action, resource) when { context.day_calls > 9 };\n`.repeat(9)}`
  : null;
const readyMs: number[] = [];
const rows: object[] = [];
try {
  let deployed = 1;
  if (policy) await deploy("notes");
  for (const count of counts) {
    for (; deployed < count; deployed++) readyMs.push(await deploy(`notes-${deployed}`));
    const gates = (await hostStatus()).processes.filter((process) => process.name.startsWith("gate"));
    const total = gates.reduce((sum, gate) => sum + (gate.pss ?? 0), 0);
    rows.push({
      deployments: gates.length,
      "PSS each, MB": round(total / gates.length / 1_048_576),
      "deploy p50, ms": readyMs.length > 0 ? spread(readyMs).p50 : "-",
    });
  }
  console.table(rows);
  const ready = spread(readyMs);
  console.log(`deploy to first healthy answer with pinned tools: p50 ${ready.p50} ms, p99 ${ready.p99} ms`);
  keepResult(values.policy ? "deployments-cedar" : "deployments", { rows, ready });
} finally {
  await stage.stop();
  state.remove();
}

/** Deploys under another name and has it answer once; returns the milliseconds until it served. */
async function deploy(name: string): Promise<number> {
  const { release: _old, ...parts } = release;
  const renamed = {
    ...parts,
    policy,
    manifest: { ...parts.manifest, name, ...(policy ? { policy: "policy.cedar" } : {}) },
  };
  const began = performance.now();
  const body = { release: { ...renamed, release: hashRelease(renamed) } };
  const answer = await askControl(state.folder, "PUT", `/v1/deployments/${name}`, { body });
  const took = performance.now() - began;
  if (answer.status >= 400) throw new Error(JSON.stringify(answer.body));
  const { token } = answer.body as { token: string | null };
  const said = await new ChannelClient(stage.url, name, token ?? stage.token, "amy").say(
    `call the tool note with {"text":"${name}"}`,
  );
  if (said.state !== "done") throw new Error(`${name}: ${said.state} ${said.reply}`);
  return took;
}

async function hostStatus(): Promise<HostStatus> {
  return (await askControl(state.folder, "GET", "/v1/status")).body as HostStatus;
}

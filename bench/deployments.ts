// How long until a deployment serves, and how much memory does it take? Deploys the same file under 1, 10 and 50 names on
// one host, has each gate answer one message, and reads the proportional set size of each gate (its engine and sandbox).
// Then the same on another host with a policy file, and so Cedar in each gate.
// Usage: node bench/deployments.ts [--quick] [--counts 1,10,50] [--cedar 1,10]
import type { HostStatus } from "../src/controls/wire/control.ts";
import { hashRelease } from "../src/controls/manifest/hash.ts";
import { askControl } from "../src/cli/ask-host.ts";
import { ChannelClient } from "../src/cli/channel-client.ts";
import { freshState } from "../claims/fresh-state.ts";
import { setNotesStage } from "../claims/notes-stage.ts";
import type { SmallStage } from "../claims/small-stage.ts";
import { bench } from "./bench.ts";
import { row, type Row } from "./result.ts";

/** Ten policies, one of which looks at every call. */
const cedar = `forbid(principal, action == Action::"note", resource) when { context.args.text like "*secret*" };
${`forbid(principal == User::"mallory", action, resource) when { context.day_calls > 9 };\n`.repeat(9)}`;

await bench({
  name: "deployments",
  question: "How long until a deployment serves, and how much memory does it take?",
  sizes: { counts: "1,10,50", cedar: "1,10" },
  quick: { counts: "1,5", cedar: "1,3" },
  measure: async ({ counts, cedar: more }) => ({
    rows: [...(await measure(counts, null)), ...(await measure(more, cedar))],
  }),
});

async function measure(counts: string, policy: string | null): Promise<Row[]> {
  const ending = policy === null ? "" : ", with Cedar";
  const state = freshState();
  const set = await setNotesStage(state.folder);
  try {
    const readyMs: number[] = [];
    const rows: Row[] = [];
    // The first stands already; with a policy it is deployed again, and that is no first start.
    if (policy !== null) await deploy(state.folder, set, "notes", policy);
    let deployed = 1;
    for (const count of counts.split(",").map(Number)) {
      for (; deployed < count; deployed++) readyMs.push(await deploy(state.folder, set, `notes-${deployed}`, policy));
      const sizes = await gateSizes(state.folder);
      rows.push(row(`memory of each gate (PSS), ${sizes.length} deployed${ending}`, "ambit", "MB", sizes));
    }
    const ready = readyMs.length > 0 ? [row(`deploy to serving, tools pinned${ending}`, "ambit", "ms", readyMs)] : [];
    return [...ready, ...rows];
  } finally {
    await set.stage.stop();
    state.remove();
  }
}

/** Deploys under another name and has it answer once; returns the milliseconds until it served. */
async function deploy(state: string, { stage, release }: SmallStage, name: string, policy: string | null) {
  const { release: _old, ...parts } = release;
  const manifest = { ...parts.manifest, name, ...(policy === null ? {} : { policy: "policy.cedar" }) };
  const renamed = { ...parts, policy, manifest };
  const began = performance.now();
  const body = { release: { ...renamed, release: hashRelease(renamed) } };
  const answer = await askControl(state, "PUT", `/v1/deployments/${name}`, { body });
  const took = performance.now() - began;
  if (answer.status >= 400) throw new Error(JSON.stringify(answer.body));
  const { token } = answer.body as { token: string | null };
  const said = await new ChannelClient(stage.url, name, token ?? stage.token, "amy").say(
    `call the tool note with {"text":"${name}"}`,
  );
  if (said.state !== "done") throw new Error(`${name}: ${said.state} ${said.reply}`);
  return took;
}

/** Megabytes of each gate. Pages that gates share are shared out among them, so a sum of these is what all take. */
async function gateSizes(state: string): Promise<number[]> {
  const { processes } = (await askControl(state, "GET", "/v1/status")).body as HostStatus;
  const gates = processes.filter(({ name }) => name.startsWith("gate"));
  return gates.map(({ name, pss }) => {
    if (!pss) throw new Error(`${name} has no size: its memory can only be read as root`);
    return pss / 1_048_576;
  });
}

// `./ambit check FILE`: is the file well formed, and what would its agent be able to read, change and expose?
import { summarizeAuthority, type AuthoritySummary } from "../controls/manifest/summary.ts";
import type { Release } from "../controls/manifest/release.ts";
import { readLine } from "./arguments.ts";
import { renderNarrowed } from "./authority.ts";
import { loadRelease } from "./load-release.ts";
import { observeWarning, red } from "./paint.ts";

export async function runCheck(args: string[]): Promise<number> {
  const line = readLine(args, "check FILE [--json]", {}, [1, 1]);
  const file = line.words[0] ?? "";
  const { release, warnings, narrowed } = loadRelease(file);
  const policy = await describePolicy(release);
  const summary = summarizeAuthority(release.manifest);
  if (line.has("json")) {
    console.log(JSON.stringify({ file, release: release.release, ...summary, overlays: narrowed, warnings, policy }));
    return 0;
  }
  console.log(renderSummary(summary));
  for (const text of renderNarrowed(narrowed)) console.log(text);
  for (const { field, message } of warnings) console.log(`warning: ${field} ${message}`);
  for (const text of policy) console.log(text);
  console.log(`\n${file} is well formed. Release ${release.release.slice(0, 12)}`);
  return 0;
}

type Section = [title: string, items: readonly string[]];

/** What there is to say of a release's policies; throws CommandError when they are at fault. Cedar is loaded only for them. */
export async function describePolicy(release: Release): Promise<string[]> {
  return release.policy === null ? [] : (await import("./cedar.ts")).checkPolicyFile(release);
}

/** The summary as people read it. */
export function renderSummary(summary: AuthoritySummary): string {
  const sections: Section[] = [
    ["can read", summary.reads],
    ["changes without asking", summary.changes],
    ["does only after a person said yes", summary.asks],
    ...(summary.never.length > 0 ? [["never does", summary.never] satisfies Section] : []),
    ["can send data to", summary.exposes],
    ["reads text that strangers may have written from", summary.combination.untrusted],
    ["reads private data from", summary.combination.private],
    ["sends out with neither a person nor a bound in between", summary.combination.unwatched],
    ["uses secrets (kept by the broker, never seen by the agent)", summary.secrets],
    ["stops at", summary.limits],
    ["listens to", summary.speakers],
  ];
  const body = sections.map(
    ([title, items]) =>
      `  ${title}:\n${(items.length > 0 ? items : ["nothing"]).map((item) => `    - ${item}`).join("\n")}`,
  );
  const warning = summary.mode === "observe" ? [red(observeWarning(summary.name))] : [];
  return [`${summary.name}: ${summary.purpose}`, ...warning, ...body].join("\n");
}

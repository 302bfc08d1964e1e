// `./ambit deploy FILE`: checks the file, reads what it names, hands the release to the host and waits until it serves.
import type { z } from "zod";
import { summarizeAuthority } from "../controls/manifest/summary.ts";
import type { deployAnswer } from "../controls/wire/control.ts";
import { readLine } from "./arguments.ts";
import { describePolicy, renderSummary } from "./check.ts";
import { describeFreeze } from "./freeze.ts";
import { askHost } from "./host.ts";
import { loadRelease } from "./load-release.ts";
import { observeWarning, red } from "./paint.ts";

export async function runDeploy(args: string[]): Promise<number> {
  const line = readLine(args, "deploy FILE [--json]", {}, [1, 1]);
  const { release, warnings } = loadRelease(line.words[0] ?? "");
  const policy = await describePolicy(release);
  const { name } = release.manifest;
  if (!line.has("json")) console.log(renderSummary(summarizeAuthority(release.manifest)));
  const answer = await askHost<z.infer<typeof deployAnswer>>(line, "PUT", `/v1/deployments/${name}`, { release });
  if (line.has("json")) {
    console.log(JSON.stringify({ ...answer, warnings }));
    return 0;
  }
  for (const { field, message } of warnings) console.log(`warning: ${field} ${message}`);
  for (const text of policy) console.log(text);
  console.log(`\n${name} serves release ${answer.release.slice(0, 12)} at ${answer.url}`);
  if (release.manifest.mode === "observe") console.log(red(observeWarning(name)));
  if (answer.frozen) {
    console.log(red(describeFreeze(name, answer.frozen)));
    console.log(`It stays frozen, and its tools are listed and pinned by ./ambit thaw ${name}.`);
  }
  if (answer.token) console.log(`Token, shown once: ${answer.token}`);
  return 0;
}

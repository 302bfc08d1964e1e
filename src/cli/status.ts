// `./ambit ls` and `./ambit status [NAME]`: what runs, as measured, and what is weaker than it should be.
import type { z } from "zod";
import { printable } from "../controls/manifest/printable.ts";
import type { DeploymentList, HostStatus } from "../controls/wire/control.ts";
import type { gateStatus } from "../controls/wire/gate.ts";
import { readLine } from "./arguments.ts";
import { describeFreeze, describePlaces } from "./freeze.ts";
import { askHost, gatePath } from "./ask-host.ts";
import { observeWarning, red } from "./paint.ts";

export async function runList(args: string[]): Promise<number> {
  const line = readLine(args, "ls [--json]", {}, [0, 0]);
  const { deployments } = await listDeployments(line);
  if (line.has("json")) console.log(JSON.stringify({ deployments }));
  else if (deployments.length === 0) console.log("Nothing is deployed. Deploy a file: ./ambit deploy FILE");
  else
    for (const { name, release, state, mode, frozen } of deployments) {
      console.log(`${name}  ${release.slice(0, 12)}  ${state}`);
      if (frozen) console.log(red(describeFreeze(name, frozen)));
      if (mode === "observe") console.log(red(observeWarning(name)));
    }
  return 0;
}

export async function runStatus(args: string[]): Promise<number> {
  const line = readLine(args, "status [NAME] [--json]", {}, [0, 1]);
  const name = line.words[0];
  if (name) return gate(line, name);
  const status = await askHost<HostStatus>(line, "GET", "/v1/status");
  if (line.has("json")) {
    console.log(JSON.stringify(status));
    return 0;
  }
  console.log(`Ambit ${status.version} on ${status.state}, listening at ${status.url}, admin at ${status.admin}`);
  for (const { name: process, pid, state, uid, restarts, pss } of status.processes) {
    const memory = pss === null ? "" : `${Math.round(pss / 1_048_576)} MB`;
    console.log(`  ${process}  ${state}  pid ${pid ?? "-"}  uid ${uid}  restarts ${restarts}  ${memory}`);
  }
  for (const observing of status.observing) console.log(red(observeWarning(observing)));
  for (const one of (await listDeployments(line)).deployments) {
    if (one.frozen) console.log(red(describeFreeze(one.name, one.frozen)));
  }
  for (const sentence of status.weaker) console.log(`weaker: ${sentence}`);
  return 0;
}

async function gate(line: ReturnType<typeof readLine>, name: string): Promise<number> {
  // From the supervisor: a gate that hangs is frozen all the same, and is not asked first.
  const frozen = (await listDeployments(line)).deployments.find((one) => one.name === name)?.frozen;
  if (frozen && !line.has("json"))
    console.log(`${red(describeFreeze(name, frozen))}\n  ${describePlaces(frozen.places)}`);
  const status = await askHost<z.infer<typeof gateStatus>>(line, "GET", gatePath(name, "control/status"));
  if (line.has("json")) {
    console.log(JSON.stringify(status));
    return 0;
  }
  const { release, held, entries } = status;
  say(`${name} serves release ${release.slice(0, 12)}; ${held} calls wait; ${entries} audit entries`);
  if (status.mode === "observe") console.log(red(observeWarning(name)));
  if (status.frozen && !frozen)
    console.log(red(printable(`its Ledger alone is frozen, by ${status.frozen.by}: ./ambit thaw ${name}`, 400)));
  if (status.unattended) console.log("  unattended: what would wait for a person is refused");
  for (const { server, tool, state } of status.tools) say(`  ${server}.${tool}  ${state}`);
  return 0;
}

/** The gate's own words: one that was taken over would like to write on an operator's terminal. */
function say(text: string): void {
  console.log(printable(text, 400));
}

function listDeployments(line: ReturnType<typeof readLine>): Promise<DeploymentList> {
  return askHost<DeploymentList>(line, "GET", "/v1/deployments");
}

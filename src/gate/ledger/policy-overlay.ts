// Control `workflow`: the overlay of this gate's release. A gate whose release names a policy file was started with Cedar in
// it, and one that was not, or cannot use its policies, refuses every call instead of going on without them. Parsed once:
// again only when an operator accepts another definition of a tool, which may type an argument otherwise.
import type { CedarApi } from "../../controls/policy/cedar-api.ts";
import { openCedarOverlay } from "../../controls/policy/cedar-overlay.ts";
import { checkPolicies, describeFinding, parsePolicies } from "../../controls/policy/cedar-policies.ts";
import { listTools, type CedarTool } from "../../controls/policy/cedar-schema.ts";
import type { Overlay } from "../../controls/policy/overlay.ts";
import type { Release } from "../../controls/manifest/release.ts";
import type { Refusal } from "../../boundary.ts";
import type { PinStore, SeenTool } from "./pin-store.ts";

/** The package keeps what it parsed for good; one id for all keeps that to one. */
const parsedId = "policy";

let cedar: CedarApi | undefined;
let opened: { readonly from: string; readonly overlay: Overlay } | undefined;

/** Called once, by the program that has Cedar in it. */
export function useCedar(api: CedarApi): void {
  cedar = api;
}

/** The overlay of a release; undefined when the deployment has no policy file. */
export function openOverlay(release: Release, pins: PinStore): Overlay | undefined {
  const { policy } = release;
  return policy === null ? undefined : { decide: (input) => overlayFor(release, policy, pins.all()).decide(input) };
}

function overlayFor(release: Release, text: string, pins: readonly SeenTool[]): Overlay {
  const from = [release.release, ...pins.map(({ server, tool, hash }) => `${server} ${tool} ${hash}`)].join("\n");
  if (opened?.from !== from) opened = { from, overlay: makeOverlay(release, text, pins) };
  return opened.overlay;
}

/** What is wrong with the policies for the tools that a deploy is about to pin. */
export function findPolicyFault(release: Release, pins: readonly SeenTool[]): Refusal | undefined {
  if (release.policy === null) return undefined;
  if (!cedar) return refusal(withoutCedar);
  const found = checkPolicies(cedar, release.policy, release.manifest, toolsOf(release, pins));
  const fault = found.find(({ level }) => level === "error");
  return fault && refusal(describeFinding(release.manifest, fault));
}

function makeOverlay(release: Release, text: string, pins: readonly SeenTool[]): Overlay {
  try {
    const fault = findPolicyFault(release, pins);
    const policies = cedar && parsePolicies(cedar, text);
    if (fault || !cedar || !Array.isArray(policies)) return refuseAll(fault?.message ?? withoutCedar);
    const { manifest } = release;
    return openCedarOverlay({ api: cedar, id: parsedId, manifest, policies, tools: toolsOf(release, pins) });
  } catch (thrown) {
    return refuseAll(thrown instanceof Error ? thrown.message : "Cedar broke off");
  }
}

function toolsOf({ manifest }: Release, pins: readonly SeenTool[]): CedarTool[] {
  return listTools(manifest, (server, tool) => {
    return pins.find((pin) => pin.server === server && pin.tool === tool)?.schema ?? {};
  });
}

const withoutCedar = "this gate was started without Cedar";

function refusal(message: string): Refusal {
  return { control: "workflow", reason: "policy_failed", message: message.slice(0, 600), field: "policy.cedar" };
}

function refuseAll(why: string): Overlay {
  return { decide: () => refusal(`the policies cannot be used, so nothing may happen: ${why}`) };
}

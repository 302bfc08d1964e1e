// Control `workflow`: the overlay of this gate's release. A gate whose release names a policy file was started with the
// program that has Cedar in it; one that was not refuses every call instead of going on without the operator's rules.
import type { Refusal } from "../../boundary.ts";
import type { Release } from "../../controls/manifest/release.ts";
import type { Overlay } from "../../controls/policy/overlay.ts";
import type { PinStore, SeenTool } from "./pin-store.ts";

/** What reads policies; only the program that has Cedar in it brings one. */
export interface PolicyReader {
  /** The overlay for these definitions of tools. One that cannot be used refuses everything. */
  open(release: Release, text: string, pins: readonly SeenTool[]): Overlay;
  /** What is wrong with the policies for the tools that a deploy is about to pin. */
  findFault(release: Release, text: string, pins: readonly SeenTool[]): Refusal | undefined;
}

let reader: PolicyReader | undefined;
let opened: { readonly from: string; readonly overlay: Overlay } | undefined;

/** Called once, before any request. */
export function useReader(given: PolicyReader): void {
  reader = given;
}

/** The overlay of a release; undefined when the deployment has no policy file. */
export function openOverlay(release: Release, pins: PinStore): Overlay | undefined {
  const { policy } = release;
  return policy === null ? undefined : { decide: (input) => overlayFor(release, policy, pins.all()).decide(input) };
}

/** As `PolicyReader.findFault`; nothing is wrong with no policies. */
export function findPolicyFault(release: Release, pins: readonly SeenTool[]): Refusal | undefined {
  if (release.policy === null) return undefined;
  return reader ? reader.findFault(release, release.policy, pins) : policyFailed("this gate was started without Cedar");
}

/** Read once: again only when an operator accepts another definition of a tool, which may type an argument otherwise. */
function overlayFor(release: Release, text: string, pins: readonly SeenTool[]): Overlay {
  const from = [release.release, ...pins.map(({ server, tool, hash }) => `${server} ${tool} ${hash}`)].join("\n");
  if (opened?.from !== from) opened = { from, overlay: reader?.open(release, text, pins) ?? withoutReader };
  return opened.overlay;
}

const withoutReader: Overlay = { decide: () => policyFailed("this gate was started without Cedar") };

export function policyFailed(message: string): Refusal {
  return { control: "workflow", reason: "policy_failed", message: message.slice(0, 600), field: "policy.cedar" };
}

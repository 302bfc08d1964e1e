// Control `workflow`: reads the policy file of a release with Cedar, for the tools that are pinned. Only the program that has
// Cedar in it imports this.
import type { Release } from "../../controls/manifest/release.ts";
import type { CedarApi } from "../../controls/policy/cedar-api.ts";
import { openCedarOverlay } from "../../controls/policy/cedar-overlay.ts";
import { checkPolicies, describeFinding, parsePolicies } from "../../controls/policy/cedar-policies.ts";
import { listTools, type CedarTool } from "../../controls/policy/cedar-schema.ts";
import type { SeenTool } from "./pin-store.ts";
import { policyFailed, type PolicyReader } from "./policy-overlay.ts";

/** The package keeps what it parsed for good; one id for all keeps that to one. */
const parsedId = "policy";

/** A reader on the package's own functions. */
export function openReader(api: CedarApi): PolicyReader {
  const reader: PolicyReader = {
    findFault(release, text, pins) {
      const found = checkPolicies(api, text, release.manifest, toolsOf(release, pins));
      const fault = found.find(({ level }) => level === "error");
      return fault && policyFailed(describeFinding(release.manifest, fault));
    },
    open(release, text, pins) {
      try {
        const policies = parsePolicies(api, text);
        const fault = reader.findFault(release, text, pins);
        if (fault || !Array.isArray(policies)) return refuseAll(fault?.message ?? "it cannot be read");
        const { manifest } = release;
        return openCedarOverlay({ api, id: parsedId, manifest, policies, tools: toolsOf(release, pins) });
      } catch (thrown) {
        return refuseAll(thrown instanceof Error ? thrown.message : "Cedar broke off");
      }
    },
  };
  return reader;
}

function refuseAll(why: string): ReturnType<PolicyReader["open"]> {
  return { decide: () => policyFailed(`the policies cannot be used, so nothing may happen: ${why}`) };
}

/** Types come from the definitions as they were pinned, whatever the server says now. */
function toolsOf({ manifest }: Release, pins: readonly SeenTool[]): CedarTool[] {
  return listTools(manifest, (server, tool) => {
    return pins.find((pin) => pin.server === server && pin.tool === tool)?.schema ?? {};
  });
}

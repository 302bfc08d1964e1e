// Control `least-privilege`: where a name that the model used would lead, read from the deployment file alone. Whether the
// tool may be used now is another question: that is the catalog's, which also knows the pins.
import { modelName } from "../../controls/manifest/model-name.ts";
import type { Release } from "../../controls/manifest/release.ts";
import type { Contract } from "../../controls/manifest/schema.ts";

export interface NamedTool {
  readonly server: string;
  readonly tool: string;
  readonly contract: Contract;
}

/** The tool of a server that the model knows under `name`; undefined when the file names none. Record views are no such tool. */
export function findNamedTool(release: Release, name: string): NamedTool | undefined {
  for (const [server, { tools }] of Object.entries(release.manifest.servers)) {
    const found = Object.entries(tools).find(([tool]) => modelName(tool) === name);
    if (found) return { server, tool: found[0], contract: found[1] };
  }
  return undefined;
}

/** Names of all tools of a server that the file names. */
export function toolNames(release: Release, server: string): string[] {
  const { servers } = release.manifest;
  return Object.hasOwn(servers, server) ? Object.keys(servers[server]?.tools ?? {}) : [];
}

// Control `least-privilege`: at deploy, every tool the file names must be there, offer a schema that can be checked, and
// have the arguments the contract speaks of. What a server offers beyond that is not even remembered.
import type { Refusal } from "../../boundary.ts";
import { closest } from "../../controls/manifest/closest.ts";
import { printable } from "../../controls/manifest/printable.ts";
import type { Contract } from "../../controls/manifest/schema.ts";
import type { Release } from "../../controls/manifest/release.ts";
import { isWindow } from "../../controls/policy/used.ts";
import { parseToolSchema } from "../../controls/policy/tool-schema.ts";
import type { SeenTool } from "../ledger/pin-store.ts";
import { isRefusal } from "./catalog.ts";
import { explainFault } from "./fault.ts";
import { ToolServer, type OfferedTools } from "./mcp.ts";
import { toolNames } from "./named.ts";

const maxListed = 20;

/** Lists all servers, at once, and returns the named tools, or the first thing that does not fit. */
export async function listNamedTools(release: Release): Promise<SeenTool[] | Refusal> {
  const servers = Object.keys(release.manifest.servers).filter((server) => toolNames(release, server).length > 0);
  const listed = await Promise.all(servers.map((server) => listServer(release, server)));
  const refusal = listed.find((one) => "reason" in one);
  return refusal ?? listed.flatMap((one) => ("reason" in one ? [] : one));
}

async function listServer(release: Release, name: string): Promise<SeenTool[] | Refusal> {
  const url = release.manifest.servers[name]?.url ?? "";
  const server = new ToolServer(name, url);
  try {
    const offered = await server.open(toolNames(release, name));
    return pickTools(release, name, offered);
  } catch (thrown) {
    const fault = explainFault(thrown);
    const field = fault.tool === undefined ? `servers.${name}.url` : `servers.${name}.tools.${fault.tool}`;
    return refuse(field, `the tools of ${url} could not be listed: ${fault.message}`);
  } finally {
    server.reset();
  }
}

function pickTools(release: Release, server: string, offered: OfferedTools): SeenTool[] | Refusal {
  const picked: SeenTool[] = [];
  for (const [tool, contract] of Object.entries(release.manifest.servers[server]?.tools ?? {})) {
    const found = pickTool(`servers.${server}.tools.${tool}`, tool, contract, offered);
    if ("reason" in found) return found;
    picked.push(found);
  }
  return picked;
}

function pickTool(field: string, tool: string, contract: Contract, offered: OfferedTools): SeenTool | Refusal {
  const found = offered.tools.find((item) => item.tool === tool);
  if (!found) {
    const guess = closest(tool, offered.names);
    const list =
      offered.names
        .slice(0, maxListed)
        .map((name) => printable(name))
        .join(", ") || "none";
    const hint = guess ? ` (did you mean "${printable(guess)}"?)` : "";
    return refuse(field, `the server offers no tool "${tool}"${hint}; it offers: ${list}`);
  }
  const schema = parseToolSchema(found.schema, tool);
  if (isRefusal(schema)) return { ...schema, field };
  const spoken = [...contract.authority, ...contract.payload, ...Object.keys(contract.bind)];
  const bounded = [contract.max, contract.total, contract.only].flatMap(Object.keys).filter((key) => !isWindow(key));
  const missing = [...spoken, ...bounded].find((name) => !schema.properties.includes(name));
  if (missing === undefined) return found;
  const takes =
    schema.properties
      .slice(0, maxListed)
      .map((name) => printable(name))
      .join(", ") || "nothing";
  return refuse(field, `"${missing}" is no argument of the tool "${tool}"; it takes: ${takes}`);
}

function refuse(field: string, message: string): Refusal {
  return { control: "least-privilege", reason: "tool_not_usable", field, message };
}

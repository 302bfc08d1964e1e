// Control `least-privilege`: at deploy, every tool the file names must be there, offer a schema that can be checked, and
// have the arguments the contract speaks of. What a server offers beyond that is not even remembered.
import type { Refusal } from "../../boundary.ts";
import { closest } from "../../controls/manifest/closest.ts";
import type { Contract } from "../../controls/manifest/schema.ts";
import type { Release } from "../../controls/manifest/release.ts";
import { parseToolSchema } from "../../controls/policy/tool-schema.ts";
import type { SeenTool } from "../ledger/pin-store.ts";
import { isRefusal } from "./catalog.ts";
import { ToolServer } from "./mcp.ts";

/** Lists all servers and returns the named tools, or the first thing that does not fit. */
export async function listNamedTools(release: Release): Promise<SeenTool[] | Refusal> {
  const named: SeenTool[] = [];
  for (const [name, server] of Object.entries(release.manifest.servers)) {
    if (Object.keys(server.tools).length === 0) continue;
    let offered: SeenTool[];
    try {
      offered = await new ToolServer(name, server.url).listTools();
    } catch (thrown) {
      const why = thrown instanceof Error ? thrown.message.slice(0, 300) : "no answer";
      return refuse(`servers.${name}.url`, `the tool server at ${server.url} could not list its tools: ${why}`);
    }
    for (const [tool, contract] of Object.entries(server.tools)) {
      const field = `servers.${name}.tools.${tool}`;
      const found = pickTool(field, tool, contract, offered);
      if ("reason" in found) return found;
      named.push(found);
    }
  }
  return named;
}

function pickTool(field: string, tool: string, contract: Contract, offered: readonly SeenTool[]): SeenTool | Refusal {
  const [found, ...more] = offered.filter((item) => item.tool === tool);
  if (!found) {
    const names = offered.map((item) => item.tool.slice(0, 64));
    const guess = closest(tool, names);
    const list = names.slice(0, 20).join(", ") || "none";
    return refuse(field, `the server offers no tool "${tool}"${guess ? `; did you mean "${guess}"?` : ""} It offers: ${list}`);
  }
  if (more.length > 0) return refuse(field, `the server offers "${tool}" more than once`);
  const schema = parseToolSchema(found.schema, tool);
  if (isRefusal(schema)) return { ...schema, field };
  const spoken = [...contract.authority, ...contract.payload, ...Object.keys(contract.bind)];
  const bounded = Object.keys(contract.max).filter((key) => key !== "per_day");
  const missing = [...spoken, ...bounded].find((name) => !schema.properties.includes(name));
  if (missing === undefined) return found;
  return refuse(field, `"${missing}" is no argument of this tool; it takes: ${schema.properties.join(", ") || "nothing"}`);
}

function refuse(field: string, message: string): Refusal {
  return { control: "least-privilege", reason: "tool_not_usable", field, message };
}

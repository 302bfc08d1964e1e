// Control `least-privilege`: the tools of this deployment, all of them. Built from the release and the pins and from
// nothing else: what the model says, or a server offers beyond it, does not exist.
import type { JsonObject, Refusal } from "../../boundary.ts";
import { hashTool } from "../../controls/approvals/action.ts";
import { contract as contractSchema, type Contract } from "../../controls/manifest/schema.ts";
import { modelName } from "../../controls/manifest/model-name.ts";
import type { Release } from "../../controls/manifest/release.ts";
import { sqlParameters } from "../../controls/manifest/sql-parameters.ts";
import { parseToolSchema, withoutProperties, type ToolSchema } from "../../controls/policy/tool-schema.ts";
import type { Pin } from "../ledger/pin-store.ts";

/** Pseudo server name of the record views. A server cannot be named so: names have no underscore. */
export const recordServer = "records_";

export interface CatalogTool {
  /** The name the model sees. */
  readonly name: string;
  readonly server: string;
  readonly tool: string;
  readonly description: string;
  /** The schema the model sees: bound arguments are not in it. */
  readonly schema: JsonObject;
  readonly contract: Contract;
  readonly toolHash: string;
  readonly checker: ToolSchema;
}

let built: { readonly from: string; readonly catalog: CatalogTool[] } | undefined;

/**
 * Tools that may be offered now: named in the file, pinned, and not quarantined. The last one is kept: parsing schemas is
 * most of the work of a plain turn, and pins change only when an operator or a server changes something.
 */
export function openCatalog(release: Release, pins: readonly Pin[]): CatalogTool[] {
  const from = [release.release, ...pins.map((pin) => `${pin.server} ${pin.tool} ${pin.hash} ${pin.state}`)].join("\n");
  if (built?.from !== from) built = { from, catalog: buildCatalog(release, pins) };
  return built.catalog;
}

/** As `openCatalog`, made anew. */
export function buildCatalog(release: Release, pins: readonly Pin[]): CatalogTool[] {
  const records = Object.entries(release.manifest.records).map(([view]) => recordTool(release, view));
  const served = pins.flatMap((pin) => {
    const contract = contractOf(release, pin);
    if (!contract || pin.state !== "pinned") return [];
    const checker = parseToolSchema(pin.schema, pin.tool);
    if (isRefusal(checker)) return [];
    const schema = withoutProperties(pin.schema, Object.keys(contract.bind));
    const { server, tool, description, hash: toolHash } = pin;
    return [{ name: modelName(tool), server, tool, description, schema, contract, toolHash, checker }];
  });
  return [...records, ...served];
}

/** Own members only: `constructor` is a name a tool may have, and one that every object has. */
function contractOf(release: Release, { server, tool }: Pin): Contract | undefined {
  const tools = release.manifest.servers[server]?.tools;
  return tools && Object.hasOwn(tools, tool) ? tools[tool] : undefined;
}

/** Whether `parseToolSchema` said no. */
export function isRefusal(value: ToolSchema | Refusal): value is Refusal {
  return "reason" in value;
}

function recordTool(release: Release, view: string): CatalogTool {
  const record = release.manifest.records[view];
  if (!record) throw new Error(`no record view ${view}`);
  const names = sqlParameters(record.sql);
  const scalar = {
    anyOf: [{ type: "string", maxLength: 4096 }, { type: "number" }, { type: "boolean" }, { type: "null" }],
  };
  const full: JsonObject = {
    type: "object",
    properties: Object.fromEntries(names.map((name) => [name, scalar])),
    required: names,
    additionalProperties: false,
  };
  const checker = parseToolSchema(full, view);
  if (isRefusal(checker)) throw new Error(checker.message);
  const description = `Read the record view ${view}.`;
  const contract = contractSchema.parse({ effect: "read", bind: record.bind, returns: record.returns });
  const definition = { server: recordServer, name: view, description, inputSchema: full, outputSchema: record.sql };
  return {
    name: view,
    server: recordServer,
    tool: view,
    description,
    schema: withoutProperties(full, Object.keys(record.bind)),
    contract,
    toolHash: hashTool({ ...definition, annotations: null }),
    checker,
  };
}

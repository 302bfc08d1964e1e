// Control `workflow`: what policies may speak of, generated from the deployment file, so that a name that does not exist is a
// fault at deploy and not a rule that never applies. One action a tool, grouped by effect and impact; servers and groups are
// closed lists. What stands in no contract is not there.
import type { JsonObject } from "../../boundary.ts";
import { isListed } from "../access/people.ts";
import { contract as contractSchema, type Contract, type Manifest } from "../manifest/schema.ts";
import type { CedarSchema } from "./cedar-api.ts";
import { listArguments, type ArgumentType, type CedarArgument } from "./cedar-arguments.ts";

/** Pseudo server of the record views; no server can be named so. */
const viewServer = "records_";

export interface CedarTool {
  readonly server: string;
  readonly tool: string;
  readonly contract: Contract;
  readonly arguments: readonly CedarArgument[];
}

/** Input schema of a tool as pinned; undefined when it is not known yet. */
export type SchemaOf = (server: string, tool: string) => JsonObject | undefined;

/** All tools and record views of a deployment file. Of a view, policies see only the parameters that are bound. */
export function listTools(manifest: Manifest, schemaOf: SchemaOf): CedarTool[] {
  const views = Object.entries(manifest.records).map(([tool, { bind }]) => {
    const contract = contractSchema.parse({ effect: "read", bind });
    return { server: viewServer, tool, contract, arguments: listArguments(contract, {}) };
  });
  const tools = Object.entries(manifest.servers).flatMap(([server, named]) =>
    Object.entries(named.tools).map(([tool, contract]) => {
      return { server, tool, contract, arguments: listArguments(contract, schemaOf(server, tool)) };
    }),
  );
  return [...views, ...tools];
}

/** Groups of the file that name a person. */
export function groupsOf(user: string, manifest: Manifest): string[] {
  const { groups } = manifest;
  return Object.keys(groups).filter((group) => isListed(user, groups[group] ?? [], groups));
}

/** Cedar's schema (its JSON form). `unknown` stands in for types that nobody knows yet. */
export function buildSchema(manifest: Manifest, tools: readonly CedarTool[], unknown: ArgumentType): CedarSchema {
  const groups = Object.keys(manifest.groups);
  const servers = [...new Set(tools.map(({ server }) => server))];
  const families = [...new Set(tools.flatMap(({ contract }) => familiesOf(contract)))];
  const actions = tools.map((tool) => [tool.tool, actionOf(tool, unknown)]);
  return {
    "": {
      entityTypes: {
        // Without a group or a server there is nothing that a policy could name.
        ...(groups.length > 0 ? { Group: { enum: groups } } : {}),
        User: { memberOfTypes: groups.length > 0 ? ["Group"] : [] },
        Server: servers.length > 0 ? { enum: servers } : {},
      },
      actions: Object.fromEntries([...families.map((family) => [family, {}]), ...actions]) as object,
    },
  };
}

function familiesOf({ effect, impact }: Contract): string[] {
  return [`effect:${effect}`, `impact:${impact}`];
}

function actionOf(tool: CedarTool, unknown: ArgumentType): object {
  const args = tool.arguments.map(({ name, type, isRequired }) => [
    name,
    { ...typeNode(type ?? unknown), required: isRequired },
  ]);
  const context = {
    args: { type: "Record", attributes: Object.fromEntries(args) as object },
    ...Object.fromEntries(contextTexts.map((name) => [name, typeNode("String")])),
    ...Object.fromEntries(contextNumbers.map((name) => [name, typeNode("Long")])),
    approvals: typeNode("Set of String"),
  };
  return {
    memberOf: familiesOf(tool.contract).map((id) => ({ id })),
    appliesTo: {
      principalTypes: ["User"],
      resourceTypes: ["Server"],
      context: { type: "Record", attributes: context },
    },
  };
}

const contextTexts = ["user", "channel", "effect", "impact"] as const;
const contextNumbers = ["turn_calls", "user_calls", "day_calls", "approved"] as const;

function typeNode(type: ArgumentType): object {
  if (type === "decimal") return { type: "Extension", name: "decimal" };
  if (!type.startsWith("Set of ")) return { type };
  return { type: "Set", element: { type: type.slice("Set of ".length) } };
}

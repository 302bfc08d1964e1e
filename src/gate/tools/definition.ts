// Control `least-privilege`: one tool definition as its server tells it. The server would like one that is too large to
// keep, too deep to hash, or long enough to fill the model's context; a definition is small and plain, or it is none.
import { parseSafely } from "../../controls/wire/parse.ts";
import { z } from "zod";
import type { JsonObject } from "../../boundary.ts";
import { hashTool } from "../../controls/approvals/action.ts";
import { printable } from "../../controls/manifest/printable.ts";
import { findJsonFault } from "../../controls/policy/json-bounds.ts";
import type { SeenTool } from "../ledger/pin-store.ts";
import { ToolServerFault } from "./fault.ts";

/** A model reads the description at every step. */
const maxDescriptionChars = 16_384;
/** Description, both schemas and annotations together. */
const definitionLimits = { chars: 200_000, depth: 64 };

const definition = z.object({
  description: z.string().default(""),
  inputSchema: z.unknown().default(null),
  outputSchema: z.unknown().default(null),
  annotations: z.unknown().default(null),
});

/** Parses and hashes one definition. Throws ToolServerFault naming the tool. */
export function parseDefinition(server: string, tool: string, raw: unknown): SeenTool {
  const parsed = parseSafely(definition, raw);
  if (!parsed.success) throw unusable(tool, "has a description that is no text");
  const { description, inputSchema } = parsed.data;
  if (description.length > maxDescriptionChars)
    throw unusable(tool, `has a description over ${maxDescriptionChars} characters`);
  if (typeof inputSchema !== "object" || inputSchema === null || Array.isArray(inputSchema)) {
    throw unusable(tool, "has an input schema that is no object");
  }
  const fault = findJsonFault(parsed.data, definitionLimits);
  if (fault) throw unusable(tool, `${fault.message} (at ${printable(fault.field, 100)})`);
  const hash = hashTool({ server, name: tool, ...parsed.data });
  return { server, tool, hash, description, schema: inputSchema as JsonObject };
}

function unusable(tool: string, why: string): ToolServerFault {
  return new ToolServerFault(`its definition of "${tool}" ${why}; the server has to offer a simpler one`, tool);
}

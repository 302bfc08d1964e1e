// A record view, asked for by name. The broker owns the file, the SQL and the bound parameters; the gate sends only what
// the model may choose.
import type { Json, JsonObject } from "../../boundary.ts";
import { doorHosts, recordAnswer } from "../../controls/wire/door.ts";
import { fetchThroughDoor } from "../door.ts";
import { withLimit } from "../time-limit.ts";
import type { ToolResult } from "./result.ts";

/** The broker gives up on a query before this, milliseconds. */
const limitMs = 60_000;

/** Reads a view; `params` without the bound ones. Throws DoorError when the broker refuses. */
export async function readRecords(view: string, params: JsonObject): Promise<ToolResult> {
  const url = `http://${doorHosts.records}/${encodeURIComponent(view)}`;
  const answer = await withLimit(limitMs, async (signal) => {
    const response = await fetchThroughDoor(url, { method: "POST", body: JSON.stringify({ params }), signal });
    return recordAnswer.parse(await response.json());
  });
  return { text: JSON.stringify(answer), value: answer.rows as Json, isError: false };
}

// Control `least-privilege`: the tool definitions as they were when the operator deployed. A server that says something
// else later gets its tool quarantined, not used.
import type { JsonObject } from "../../boundary.ts";
import type { ToolView } from "../../controls/wire/gate.ts";

export const pinTables = `
  create table if not exists pins (
    server text not null, tool text not null, hash text not null, description text not null, schema text not null,
    state text not null, seen text, seen_description text, seen_schema text, primary key (server, tool));
`;

/** One tool definition as its server tells it, reduced to what is used. */
export interface SeenTool {
  readonly server: string;
  readonly tool: string;
  readonly hash: string;
  readonly description: string;
  readonly schema: JsonObject;
}

export interface Pin extends SeenTool {
  readonly state: ToolView["state"];
}

export class PinStore {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  all(): Pin[] {
    return this.#sql.exec("select * from pins order by server, tool").toArray().map(parsePin);
  }

  get(server: string, tool: string): Pin | undefined {
    return this.#sql.exec("select * from pins where server = ? and tool = ?", server, tool).toArray().map(parsePin)[0];
  }

  /** Replaces all pins: only a deploy does this. Returns the tools that were pinned to another definition before. */
  replaceAll(tools: readonly SeenTool[]): { server: string; tool: string; hash: string; before: string }[] {
    const changed = tools.flatMap(({ server, tool, hash }) => {
      const before = this.get(server, tool)?.hash ?? hash;
      return before === hash ? [] : [{ server, tool, hash, before }];
    });
    this.#sql.exec("delete from pins");
    for (const { server, tool, hash, description, schema } of tools) {
      const query = "insert into pins values (?, ?, ?, ?, ?, 'pinned', null, null, null)";
      this.#sql.exec(query, server, tool, hash, description, JSON.stringify(schema));
    }
    return changed;
  }

  /** Compares what a server says now; returns the tools whose state changed. */
  observe(server: string, seen: readonly SeenTool[]): { tool: string; state: ToolView["state"] }[] {
    const changed: { tool: string; state: ToolView["state"] }[] = [];
    for (const pin of this.all().filter((row) => row.server === server)) {
      const now = seen.find((tool) => tool.tool === pin.tool);
      const state = !now ? "absent" : now.hash === pin.hash ? "pinned" : "quarantined";
      const known = this.#sql.exec("select seen from pins where server = ? and tool = ?", server, pin.tool).one()[
        "seen"
      ];
      const other = state === "quarantined" ? (now?.hash ?? null) : null;
      if (state === pin.state && known === other) continue;
      this.#sql.exec(
        "update pins set state = ?, seen = ?, seen_description = ?, seen_schema = ? where server = ? and tool = ?",
        ...[state, other, other && now ? now.description : null, other && now ? JSON.stringify(now.schema) : null],
        ...[server, pin.tool],
      );
      changed.push({ tool: pin.tool, state });
    }
    return changed;
  }

  /** Pins the definition that was seen, when its hash is the one the operator looked at. */
  accept(server: string, tool: string, hash: string): boolean {
    const query = `update pins set hash = seen, description = seen_description, schema = seen_schema, state = 'pinned',
      seen = null, seen_description = null, seen_schema = null where server = ? and tool = ? and seen = ? returning tool`;
    return this.#sql.exec(query, server, tool, hash).toArray().length === 1;
  }

  views(): ToolView[] {
    const rows = this.#sql.exec("select server, tool, state, hash, seen from pins order by server, tool").toArray();
    return rows.map((row) => ({
      server: String(row["server"]),
      tool: String(row["tool"]),
      state: String(row["state"]) as ToolView["state"],
      hash: String(row["hash"]),
      seen: row["seen"] === null ? null : String(row["seen"]),
    }));
  }
}

function parsePin(row: Record<string, SqlStorageValue>): Pin {
  return {
    server: String(row["server"]),
    tool: String(row["tool"]),
    hash: String(row["hash"]),
    description: String(row["description"]),
    schema: JSON.parse(String(row["schema"])) as JsonObject,
    state: String(row["state"]) as Pin["state"],
  };
}

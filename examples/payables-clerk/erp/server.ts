// The ERP as a network service: an MCP server on the loopback address (../../tool-server/serve.ts has how it is guarded).
// Usage: ERP_TOKEN=... node server.ts --file erp.sqlite --port 7411 [--tool-delay-ms N]     (port 0: any free port)
import type { RunningToolServer, ServeOptions, ToolService } from "../../tool-server/serve.ts";
import { runToolServer, startToolServer } from "../../tool-server/serve.ts";
import { openErp, prepareQueries } from "./schema.ts";
import { seedErp } from "./seed.ts";
import { createErpTools } from "./tools.ts";

export type RunningErp = RunningToolServer;

const erp: ToolService = {
  name: "erp",
  open(file) {
    const db = openErp(file);
    seedErp(db);
    return db;
  },
  tools(db, delayMs) {
    const queries = prepareQueries(db);
    return () => createErpTools(queries, delayMs);
  },
};

/** Starts the ERP. Rejects when the file cannot be opened or the port is taken. */
export function startErp(options: ServeOptions): Promise<RunningErp> {
  return startToolServer(erp, options);
}

if (import.meta.main) await runToolServer(erp, 7411);

// The directory as a network service: an MCP server on the loopback address (../../tool-server/serve.ts has how it is
// guarded).
// Usage: DIRECTORY_TOKEN=... node server.ts --file directory.sqlite --port 7413     (port 0: any free port)
import type { RunningToolServer, ServeOptions, ToolService } from "../../tool-server/serve.ts";
import { runToolServer, startToolServer } from "../../tool-server/serve.ts";
import { openDirectory, prepareQueries } from "./schema.ts";
import { seedDirectory } from "./seed.ts";
import { createDirectoryTools } from "./tools.ts";

const directory: ToolService = {
  name: "directory",
  open(file) {
    const db = openDirectory(file);
    seedDirectory(db);
    return db;
  },
  tools(db, delayMs) {
    const queries = prepareQueries(db);
    return () => createDirectoryTools(queries, delayMs);
  },
};

/** Starts the directory. Rejects when the file cannot be opened or the port is taken. */
export function startDirectory(options: ServeOptions): Promise<RunningToolServer> {
  return startToolServer(directory, options);
}

if (import.meta.main) await runToolServer(directory, 7413);

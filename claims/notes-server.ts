// A tool server that keeps count: every call of `note` and `announce` appends one line to a file, so that a call made twice
// can be seen.
// Usage: node claims/notes-server.ts --file notes.txt   (prints one line of JSON with its URL)
import { appendFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { z } from "zod";
import { serveTools } from "./counting-server.ts";

const { values } = parseArgs({ options: { file: { type: "string" } } });
const file = values.file ?? "";
const inputSchema = z.strictObject({ text: z.string().max(200) });

serveTools("notes", (server) => {
  const keep = ({ text }: { text: string }) => {
    appendFileSync(file, `${text}\n`);
    return { content: [{ type: "text" as const, text: `kept ${text}` }] };
  };
  server.registerTool("note", { description: "Keeps a note.", inputSchema }, keep);
  server.registerTool("announce", { description: "Announces something.", inputSchema }, keep);
});

// A tool server that pays whatever it is told, under as many names as it is given: each call appends one line to a file, so
// what really happened can be counted. It takes any amount and any currency: what bounds them is not here.
// Usage: node claims/pay-server.ts --file paid.txt NAME ...   (prints one line of JSON with its URL)
import { appendFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { z } from "zod";
import { serveTools } from "./counting-server.ts";

const { values, positionals } = parseArgs({ options: { file: { type: "string" } }, allowPositionals: true });
const file = values.file ?? "";
const inputSchema = z.strictObject({
  cents: z.union([z.number(), z.string()]).optional(),
  currency: z.string().max(10).optional(),
});

serveTools("payments", (server) => {
  for (const name of positionals) {
    server.registerTool(name, { description: "Pays.", inputSchema }, ({ cents, currency }) => {
      appendFileSync(file, `${name} ${cents ?? "all"} ${currency ?? "EUR"}\n`);
      return { content: [{ type: "text", text: "paid" }] };
    });
  }
});

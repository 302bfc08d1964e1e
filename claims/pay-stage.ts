// The small stage with a server that pays under several names, each with bounds of its own.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { endChild, spawnTied, waitReady } from "../src/cli/child.ts";
import type { RunningHost } from "../src/cli/host-process.ts";
import { setSmallStage, type SmallStage } from "./small-stage.ts";

/** `tools` maps a tool's name to its contract, as YAML flow; `more` are further lines of the deployment file. */
export function setPayStage(
  state: string,
  name: string,
  tools: Readonly<Record<string, string>>,
  { host, more = "" }: { readonly host?: RunningHost; readonly more?: string } = {},
): Promise<SmallStage> {
  const contracts = Object.entries(tools).map(([tool, contract]) => `${tool}: ${contract}`);
  return setSmallStage({
    ...{ state, name, more, tools: `{ ${contracts.join(", ")} }`, ...(host ? { host } : {}) },
    server: async (folder) => {
      const file = join(folder, "paid.txt");
      writeFileSync(file, "");
      const args = ["--file", file, ...Object.keys(tools)];
      const child = spawnTied("claims/pay-server.ts", args, { PATH: process.env["PATH"] }, "inherit");
      const { url } = await waitReady(child, "the payment server", 30_000);
      return { url, end: () => endChild(child, 2000) };
    },
  });
}

/** What a tool paid, in the order in which the server saw it: `5 EUR`. */
export function readPaid({ erpFile }: SmallStage["stage"], tool: string): string[] {
  const lines = readFileSync(join(erpFile, "paid.txt"), "utf8").split("\n");
  return lines.filter((line) => line.startsWith(`${tool} `)).map((line) => line.slice(tool.length + 1));
}

// `./ambit admin token`: a token to sign in to admin with, shown this once; `ls` and `rm` list and end them. Asked over the
// operator's socket, so that nobody who only reaches the port can make one.
import { userInfo } from "node:os";
import type { z } from "zod";
import { durationMs, durationPattern } from "../controls/manifest/shapes.ts";
import { maxTokenDays, role, type tokenAnswer, type tokenList } from "../controls/wire/admin.ts";
import type { HostStatus } from "../controls/wire/control.ts";
import { readLine, UsageError, type Line } from "./arguments.ts";
import { askHost } from "./ask-host.ts";

const usage = `admin token [--role ${role.options.join("|")}] [--by WHO] [--expires 30d] | admin token ls | admin token rm ID`;
const dayMs = 86_400_000;

export async function runAdmin(args: string[]): Promise<number> {
  const line = readLine(args, usage, { role: "text", by: "text", expires: "text" }, [1, 3]);
  const [noun, verb, id] = line.words;
  if (noun !== "token") throw new UsageError(`Usage: ./ambit ${usage}`);
  if (verb === undefined) return make(line);
  if (verb === "ls" && id === undefined) return list(line);
  if (verb === "rm" && id !== undefined) return end(line, id);
  throw new UsageError(`Usage: ./ambit ${usage}`);
}

async function make(line: Line): Promise<number> {
  const body = {
    by: line.text("by") ?? userInfo().username,
    role: line.text("role") ?? "viewer",
    days: daysOf(line.text("expires") ?? "30d"),
  };
  const made = await askHost<z.infer<typeof tokenAnswer>>(line, "POST", "/v1/admin/tokens", body);
  if (line.has("json")) {
    console.log(JSON.stringify(made));
    return 0;
  }
  const { admin } = await askHost<HostStatus>(line, "GET", "/v1/status");
  console.log(`Token of ${made.by}, ${made.role} until ${made.expires}. It is shown this once:\n  ${made.token}`);
  console.log(`Try it: curl -H "authorization: Bearer $TOKEN" ${admin}/v1/deployments   (all routes: ${admin}/docs)`);
  return 0;
}

function daysOf(text: string): number {
  const days = durationPattern.test(text) ? durationMs(text) / dayMs : Number.NaN;
  if (Number.isInteger(days) && days >= 1 && days <= maxTokenDays) return days;
  throw new UsageError(`--expires ${text}: whole days from 1d to ${maxTokenDays}d`);
}

async function list(line: Line): Promise<number> {
  const { tokens } = await askHost<z.infer<typeof tokenList>>(line, "GET", "/v1/admin/tokens");
  if (line.has("json")) console.log(JSON.stringify({ tokens }));
  else if (tokens.length === 0) console.log("Nobody can sign in. Make a token: ./ambit admin token --role operator");
  else for (const one of tokens) console.log(`${one.id}  ${one.role}  ${one.by}  until ${one.expires}`);
  return 0;
}

async function end(line: Line, id: string): Promise<number> {
  await askHost<null>(line, "DELETE", `/v1/admin/tokens/${encodeURIComponent(id)}`);
  console.log(line.has("json") ? JSON.stringify({ id }) : `Token ${id} is over.`);
  return 0;
}

// `./ambit down`: stops the Ambit of a state folder in order and waits until it has ended. Turns that walk get the time of
// --drain, or what `up` was told; what has not ended by then goes on with the next start.
import { existsSync } from "node:fs";
import { printable } from "../controls/manifest/printable.ts";
import type { HostStatus } from "../controls/wire/control.ts";
import { CommandError, readLine } from "./arguments.ts";
import { askHost } from "./ask-host.ts";
import { readDrain } from "./proposal.ts";

const usage = "down [--drain SECONDS] [--state DIR]";
/** The longest drain, and what requests and calls that are out may take. */
const limitMs = 90_000;
const everyMs = 50;

export async function runDown(args: string[]): Promise<number> {
  const line = readLine(args, usage, { drain: "text" }, [0, 0]);
  const { drainMs } = readDrain(line, usage);
  const { pid, state } = await askHost<HostStatus>(line, "GET", "/v1/status");
  await askHost(line, "POST", "/v1/stop", drainMs === undefined ? undefined : { drainMs });
  const until = Date.now() + limitMs;
  while (existsSync(`/proc/${pid}`)) {
    if (Date.now() > until)
      throw new CommandError(`Ambit (pid ${pid}) still ends after ${limitMs / 1000} s: see its log`);
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
  const said = `Ambit on ${printable(state, 4096)} has ended: start it again with ./ambit up`;
  console.log(line.has("json") ? JSON.stringify({ stopped: true, state }) : said);
  return 0;
}

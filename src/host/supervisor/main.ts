// Control `runtime`: the supervisor as a process. It holds no key and opens no network socket; it can start, limit and end
// processes, and if it was started as root it can give them user ids. Its end, however it comes, is the end of all parts.
import { parseArgs } from "node:util";
import { maxDrainMs } from "../../controls/wire/releases.ts";
import { parseProxies } from "../trusted-proxies.ts";
import { parseListen } from "./listen.ts";
import { openLineWriter, openLog } from "./log.ts";
import { bringPrograms } from "./programs.ts";
import { runHost } from "./run.ts";
import { StartRefused } from "./start-refused.ts";

const usage =
  "usage: main.ts --listen HOST:PORT --admin HOST:PORT [--state DIR] [--trusted-proxies CIDR,...] [--otlp URL] [--drain MS]";

interface Flags {
  readonly listen: string;
  readonly admin: string;
  readonly state: string | undefined;
  readonly trustedProxies: string | undefined;
  readonly otlp: string | undefined;
  readonly drainMs: number;
}

function readFlags(): Flags {
  try {
    const options = {
      listen: { type: "string" },
      admin: { type: "string" },
      state: { type: "string" },
      "trusted-proxies": { type: "string" },
      otlp: { type: "string" },
      drain: { type: "string" },
    } as const;
    const { values } = parseArgs({ options, strict: true, allowPositionals: false });
    if (values.listen === undefined) throw new StartRefused(`--listen is missing; ${usage}`);
    if (values.admin === undefined) throw new StartRefused(`--admin is missing; ${usage}`);
    const { drain = "0", "trusted-proxies": trustedProxies } = values;
    const parsed = trustedProxies === undefined ? null : parseProxies(trustedProxies);
    if (typeof parsed === "string") throw new StartRefused(parsed);
    if (!/^[0-9]{1,5}$/.test(drain) || Number(drain) > maxDrainMs)
      throw new StartRefused(`--drain ${drain} is not 0 to ${maxDrainMs} milliseconds; ${usage}`);
    const { listen, admin, state, otlp } = values;
    return { listen, admin, state, trustedProxies, otlp, drainMs: Number(drain) };
  } catch (error) {
    throw new StartRefused(error instanceof StartRefused ? error.message : `${(error as Error).message}; ${usage}`);
  }
}

const lines = openLineWriter(1);
try {
  const { listen, admin, state, trustedProxies, otlp, drainMs } = readFlags();
  const log = openLog(lines.write);
  const addresses = { listen: parseListen(listen), admin: parseListen(admin, "--admin") };
  await runHost({ state, ...addresses, trustedProxies, otlp, bring: bringPrograms, log, drainMs });
} catch (error) {
  process.stderr.write(
    error instanceof StartRefused ? `supervisor: ${error.message}\n` : `${String((error as Error).stack)}\n`,
  );
  process.exitCode = 1;
}
// Nothing may keep a supervisor that has ended. Its lines are out by then, unless nobody reads them: an orderly exit joins
// the thread that writes, which would be for ever.
setTimeout(() => {
  if (lines.isBusy) process.kill(process.pid, "SIGKILL");
  process.exit();
}, 2000).unref();

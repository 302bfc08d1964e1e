// Controls `admin-access`, `runtime`: admin's command line. A mistake here would open it to strangers, so an address is a
// literal of this machine, and anything not understood stops the start.
import { isIPv4, isIPv6 } from "node:net";
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { parseCollector } from "./otlp.ts";

export interface AdminFlags {
  /** Absolute paths: the folder of sockets, and admin's own. */
  readonly run: string;
  readonly state: string;
  /** Literal loopback address, without brackets. */
  readonly host: string;
  readonly port: number;
  /** Where traces are posted; null: nowhere. */
  readonly collector: URL | null;
}

const usage = "usage: admin --run DIR --state DIR --listen HOST:PORT [--otlp URL]";

/** The flags, or one line that says what is wrong with them. */
export function parseFlags(args: string[]): AdminFlags | string {
  let values: Partial<Record<"run" | "state" | "listen" | "otlp", string | undefined>>;
  try {
    const text = { type: "string" } as const;
    const options = { run: text, state: text, listen: text, otlp: text } as const;
    values = parseArgs({ args, options, strict: true, allowPositionals: false }).values;
  } catch (error) {
    return `${(error as Error).message.split("\n", 1)[0]}; ${usage}`;
  }
  const { run = "", state = "", listen = "" } = values;
  const collector = values.otlp === undefined ? { url: null } : parseCollector(values.otlp);
  if (typeof collector === "string") return collector;
  const missing = Object.entries({ run, state, listen }).find(([, value]) => value === "");
  if (missing) return `--${missing[0]} is missing; ${usage}`;
  const address = parseAddress(listen);
  return typeof address === "string"
    ? address
    : { run: resolve(run), state: resolve(state), ...address, collector: collector.url };
}

function parseAddress(text: string): { host: string; port: number } | string {
  const [, six, four, digits] = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]+)):([0-9]{1,5})$/.exec(text) ?? [];
  const host = six ?? four;
  const port = Number(digits);
  if (host === undefined || port > 65_535) return `--admin ${text}: write HOST:PORT, such as 127.0.0.1:7401`;
  if (isIPv4(host) ? host.startsWith("127.") : isIPv6(host) && host === "::1") return { host, port };
  return (
    `--admin ${text}: admin listens on loopback only (127.0.0.1 or [::1]), because there is no identity provider yet ` +
    "that could tell people apart: reach it through a tunnel, such as ssh -L"
  );
}

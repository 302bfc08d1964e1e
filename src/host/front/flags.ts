// Control `admin-access`, `runtime`: the front's command line. A mistake here would open a door to strangers, so an
// address is a literal of this machine, and anything not understood stops the start.
import { isIPv4, isIPv6 } from "node:net";
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { noProxies, parseProxies, type TrustedProxies } from "../trusted-proxies.ts";

export interface FrontFlags {
  /** Absolute paths: the folder of sockets, and the front's own. */
  readonly run: string;
  readonly state: string;
  /** Literal loopback address, without brackets. */
  readonly host: string;
  /** 0 lets the system choose. */
  readonly port: number;
  readonly trusted: TrustedProxies;
}

const usage = "usage: front --run DIR --state DIR [--listen 127.0.0.1:7400] [--trusted-proxies CIDR,...]";

/** The flags, or one line that says what is wrong with them. */
export function parseFlags(args: string[]): FrontFlags | string {
  let values: { run?: string; state?: string; listen: string; "trusted-proxies"?: string };
  try {
    const options = {
      run: { type: "string" },
      state: { type: "string" },
      listen: { type: "string", default: "127.0.0.1:7400" },
      "trusted-proxies": { type: "string" },
    } as const;
    values = parseArgs({ args, options, strict: true, allowPositionals: false }).values;
  } catch (error) {
    return `${(error as Error).message.split("\n", 1)[0]}; ${usage}`;
  }
  const { run = "", state = "" } = values;
  if (run === "" || state === "") return `${run === "" ? "--run" : "--state"} is missing; ${usage}`;
  const proxies = values["trusted-proxies"];
  const trusted = proxies === undefined ? noProxies : parseProxies(proxies);
  if (typeof trusted === "string") return trusted;
  const listen = parseListen(values.listen);
  return typeof listen === "string" ? listen : { run: resolve(run), state: resolve(state), ...listen, trusted };
}

function parseListen(text: string): { host: string; port: number } | string {
  const [, six, four, digits] = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]+)):([0-9]{1,5})$/.exec(text) ?? [];
  const host = six ?? four;
  const port = Number(digits);
  if (host === undefined || port > 65_535) return `--listen ${text}: write HOST:PORT, such as 127.0.0.1:7400`;
  if (isLoopback(host)) return { host, port };
  return (
    `--listen ${text}: the front listens on loopback only (127.0.0.1 or [::1]), because there is no identity provider ` +
    "yet that could tell callers apart; put a tunnel or proxy that authenticates in front of it"
  );
}

/** Literals only: a name such as `localhost` is whatever a resolver says. */
function isLoopback(host: string): boolean {
  return isIPv4(host) ? host.startsWith("127.") : isIPv6(host) && host === "::1";
}

// Starts the supervisor and waits until it answers. `up` and `demo` use it; so do the claims, because it is how people
// start Ambit.
import type { ChildProcess } from "node:child_process";
import type { HostStatus } from "../controls/wire/control.ts";
import { CommandError } from "./arguments.ts";
import { askControl } from "./ask-host.ts";
import { endChild, spawnTied } from "./child.ts";
import { findFreeAddress } from "./free-port.ts";

const startLimitMs = 90_000;
/** The same while the state is copied and upgraded, which the supervisor says. */
const upgradeLimitMs = 3_600_000;
const upgradeBegun = '"event":"state_upgrade_begun"';
/** What the end of a host may take beside its drain: requests under way, calls that are out. */
const stopGraceMs = 45_000;

export interface RunningHost {
  readonly child: ChildProcess;
  readonly url: string;
  /** Where the admin process listens. */
  readonly admin: string;
  readonly weaker: readonly string[];
  /** Deployments in observe mode. */
  readonly observing: readonly string[];
  stop(): Promise<void>;
}

export interface HostProcessOptions {
  readonly state: string | undefined;
  readonly listen: string;
  /** Left out: a free port. */
  readonly admin?: string;
  /** Addresses and networks, with commas in between. */
  readonly trustedProxies?: string | undefined;
  /** Collector that traces are posted to. */
  readonly otlp?: string | undefined;
  /** How long turns that walk may take to end when it is told to, milliseconds; left out, they have no time. */
  readonly drainMs?: number;
  /** Ends a start that is under way. */
  readonly signal?: AbortSignal;
}

/** Starts Ambit on a state folder. `log` gets its lines, one JSON object each. */
export async function startHost(options: HostProcessOptions, log: (line: string) => void): Promise<RunningHost> {
  const admin = options.admin ?? (await findFreeAddress());
  const { drainMs = 0 } = options;
  const args = [
    ...["--listen", options.listen, "--admin", admin, "--drain", String(drainMs)],
    ...(options.state === undefined ? [] : ["--state", options.state]),
    ...(options.trustedProxies === undefined ? [] : ["--trusted-proxies", options.trustedProxies]),
    ...(options.otlp === undefined ? [] : ["--otlp", options.otlp]),
  ];
  const child = spawnTied("src/host/supervisor/main.ts", args, process.env, "pipe");
  let last = "";
  let isReady = false;
  // Why it did not start is said once, by whoever asked for it.
  const keep = (chunk: Buffer) => {
    last = (last + chunk.toString("utf8")).slice(-2000);
    if (isReady) log(chunk.toString("utf8"));
  };
  let limitMs = startLimitMs;
  child.stdout?.on("data", (chunk: Buffer) => {
    const text = chunk.toString("utf8");
    if (!isReady && text.includes(upgradeBegun)) limitMs = upgradeLimitMs;
    log(text);
  });
  child.stderr?.on("data", keep);
  const ended = { code: undefined as number | null | undefined };
  child.once("exit", (code) => (ended.code = code));
  const began = Date.now();
  for (;;) {
    if (ended.code !== undefined) {
      const why = lastWords(last)
        .replace(/^supervisor: /, "")
        .replace(/^Error: (?=ENOSPC)/, "the disk is full: ");
      throw new CommandError(why === "" ? `the supervisor ended (${ended.code})` : why);
    }
    if (options.signal?.aborted) {
      await endChild(child, stopGraceMs);
      throw new CommandError("the start was stopped");
    }
    const status = await askStatus(options.state);
    if (status && status.pid === child.pid) {
      const { url, admin: adminUrl, weaker, observing } = status;
      isReady = true;
      if (last !== "") log(last);
      return { child, url, admin: adminUrl, weaker, observing, stop: () => endChild(child, drainMs + stopGraceMs) };
    }
    if (Date.now() - began > limitMs) {
      await endChild(child, stopGraceMs);
      throw new CommandError(`Ambit did not start within ${limitMs / 1000} s: ${last.trim().split("\n").at(-1) ?? ""}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** The last line that is not one of a stack. */
function lastWords(said: string): string {
  const lines = said.split("\n").filter((line) => line.trim() !== "" && !/^\s+at /.test(line));
  return (lines.at(-1) ?? "").trim();
}

/** Status of the host on this state folder, with the pid that answered; undefined while nothing answers or serves. */
async function askStatus(state: string | undefined): Promise<HostStatus | undefined> {
  try {
    const answer = await askControl(state, "GET", "/v1/status");
    const status = answer.body as HostStatus;
    const front = status.processes.find((process) => process.name === "front");
    return answer.status === 200 && front?.state === "ready" ? status : undefined;
  } catch {
    return undefined;
  }
}

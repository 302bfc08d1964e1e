// `./ambit up`: starts Ambit here and keeps it running: a supervisor that dies is started again, one that ended in order
// (./ambit down) is not. A first signal gives turns that walk the time of --drain, a second one ends all at once.
import { maxDrainMs } from "../controls/wire/releases.ts";
import { readLine } from "./arguments.ts";
import { startHost, type RunningHost } from "./host-process.ts";
import { observeWarning, red } from "./paint.ts";
import { readDrain } from "./proposal.ts";

const restartMs = 500;

const usage =
  "up [--listen HOST:PORT] [--admin HOST:PORT] [--trusted-proxies CIDR,...] [--otlp URL] [--state DIR] [--drain SECONDS]";

export async function runUp(args: string[]): Promise<number> {
  const flags = { listen: "text", admin: "text", "trusted-proxies": "text", otlp: "text", drain: "text" } as const;
  const line = readLine(args, usage, flags, [0, 0]);
  const [listen, admin] = [line.text("listen") ?? "127.0.0.1:7400", line.text("admin") ?? "127.0.0.1:7401"];
  const drain = { drainMs: maxDrainMs, ...readDrain(line, usage) };
  const options = {
    state: line.text("state"),
    listen,
    admin,
    trustedProxies: line.text("trusted-proxies"),
    otlp: line.text("otlp"),
    ...drain,
  };
  const print = (text: string) => void process.stderr.write(text);
  let host = await startHost(options, print);
  const told = Promise.withResolvers<"told">();
  let times = 0;
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
    process.on(signal, () => {
      told.resolve("told");
      if (times++ > 0) host.child.kill("SIGTERM");
    });
  }
  announce(host, line.has("json"));
  while ((await Promise.race([ended(host), told.promise])) !== "told") {
    if (host.child.exitCode === 0) return 0;
    process.stderr.write("ambit: the supervisor ended; starting it again\n");
    await new Promise((resolve) => setTimeout(resolve, restartMs));
    host = await startHost({ ...options, listen: new URL(host.url).host }, print);
  }
  await host.stop();
  return 0;
}

function announce(host: RunningHost, json: boolean): void {
  if (json) console.log(JSON.stringify({ ready: true, url: host.url, admin: host.admin, pid: host.child.pid }));
  else
    console.log(
      `Ambit listens at ${host.url}, its API for people who run it at ${host.admin}. Deploy a file: ./ambit deploy FILE`,
    );
  for (const name of host.observing) process.stderr.write(`${red(observeWarning(name), process.stderr)}\n`);
  for (const sentence of host.weaker) process.stderr.write(`ambit: weaker on this machine: ${sentence}\n`);
}

function ended(host: RunningHost): Promise<"ended"> {
  const { child } = host;
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve("ended");
  return new Promise((resolve) => child.once("exit", () => resolve("ended")));
}

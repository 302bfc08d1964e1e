// Control `runtime`: the broker's process: `node broker.mjs --state <dir> --run <dir>`. One file is both the broker and,
// started again as a thread, the reader of record views. Must stay true: a broken start says why in one line and exits 1,
// SIGTERM loses nothing that can end in 10 s, and an unforeseen error ends the process instead of leaving it half alive.
import { parseArgs } from "node:util";
import { isMainThread } from "node:worker_threads";
import { startBroker, type Broker } from "./broker.ts";
import { openLog, type Log } from "./log.ts";
import { serveRecords } from "./records-thread.ts";

const stopMs = 10_000;

async function run(): Promise<void> {
  process.umask(0o077);
  // A supervisor that died must not take the broker with it through a closed pipe.
  process.stdout.on("error", () => undefined);
  const log = openLog((line) => {
    try {
      process.stdout.write(line);
    } catch {
      // A log file on a full disk: the broker goes on without its log.
    }
  });
  let broker: Broker | null = null;
  const fail = (event: string, error: unknown): void => {
    log("error", event, { error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
    leave(1, broker);
  };
  process.on("uncaughtException", (error) => fail("uncaught", error));
  process.on("unhandledRejection", (error) => fail("uncaught", error));
  try {
    broker = await startBroker({ ...readOptions(), threadFile: import.meta.filename, log });
  } catch (error) {
    log("error", "start_failed", { error: (error as Error).message });
    return leave(1, null);
  }
  log("info", "ready");
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => void stop(broker, log));
}

async function stop(broker: Broker | null, log: Log): Promise<void> {
  log("info", "stopping");
  await broker?.stop(stopMs);
  log("info", "stopped");
  leave(0, broker);
}

/** Node waits for its threads at exit, and one that spins inside SQLite would keep it here for ever. */
function leave(code: number, broker: Broker | null): void {
  if (broker !== null && broker.stuck > 0) process.kill(process.pid, "SIGKILL");
  process.exit(code);
}

function readOptions(): { state: string; run: string } {
  const { values } = parseArgs({ options: { state: { type: "string" }, run: { type: "string" } } });
  if (values.state === undefined || values.run === undefined)
    throw new Error("usage: node broker.mjs --state <folder> --run <folder>");
  return { state: values.state, run: values.run };
}

if (isMainThread) await run();
else serveRecords();

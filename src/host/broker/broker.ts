// Control `secrets`, `callbacks`, `audit`: the broker put together. It holds the keys and decides whether this deployment
// may reach that destination with that credential; what an agent may do is not its business. Must stay true: nothing
// listens before the storage, the key and the secrets were opened and found good.
import { mkdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { ChainTable } from "../chain-table.ts";
import { RefusalTally } from "../refusal-tally.ts";
import { Calls } from "./calls.ts";
import { serveControl } from "./control.ts";
import { Deployments } from "./deployments.ts";
import { systemResolve, type Resolve } from "./dial.ts";
import { openDoor } from "./door.ts";
import { hideIn, type Log } from "./log.ts";
import { PrivateFileError } from "./private-file.ts";
import { QueryLine, queryMs as defaultQueryMs } from "./query-thread.ts";
import { SecretsFile } from "./secrets-file.ts";
import { Signer } from "./sign.ts";
import { openStorage } from "./storage.ts";

export interface BrokerOptions {
  /** The broker's own folder, mode 0700. */
  readonly state: string;
  /** Folder of sockets: `broker/control.sock` and `doors/<name>/door.sock` in it. */
  readonly run: string;
  /** Program for record threads: it calls `serveRecords` when it is not on the main thread. */
  readonly threadFile: string;
  readonly log: Log;
  readonly resolve?: Resolve;
  /** Time one query of a record view has, milliseconds; tests let it be less than the 2 s of a real broker. */
  readonly queryMs?: number;
}

export interface Broker {
  /** Record threads that keep this process from ending by itself. */
  readonly stuck: number;
  /** Stops listening, waits for what is under way, at most `waitMs`, then closes the storage. */
  stop(waitMs: number): Promise<void>;
}

const sweepMs = 3_600_000;

/** Opens everything, the doors of the last life included. @throws with what to do when something is not as it must be */
export async function startBroker({
  state,
  run,
  threadFile,
  log: write,
  resolve = systemResolve,
  queryMs = defaultQueryMs,
}: BrokerOptions): Promise<Broker> {
  requirePrivateFolder(state);
  const folder = join(state, "deployments");
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const secrets = new SecretsFile(join(state, "secrets.json"));
  const log = hideIn(write, (text) => secrets.hide(text));
  const database = openStorage(join(state, "broker.sqlite"));
  const chain = new ChainTable(database, "broker");
  const storageFailed = (error: Error): void => log("error", "storage_failed", { error: error.message });
  const tally = new RefusalTally(chain, storageFailed);
  const calls = new Calls(database, chain);
  const signer = new Signer(database, join(state, "sign.key"));
  const sharedRecords = new QueryLine(threadFile, queryMs);
  const deployments = new Deployments(folder, join(run, "doors"), {
    log,
    calls,
    chain,
    tally,
    signer,
    secrets,
    resolve,
    threadFile,
    sharedRecords,
    queryMs,
  });
  const sweep = (): void => void calls.sweep(Date.now()).catch(storageFailed);
  sweep();
  const timer = setInterval(sweep, sweepMs).unref();
  await deployments.load();
  const control = await openDoor(
    join(run, "broker", "control.sock"),
    0o600,
    (request, response) =>
      void serveControl({ deployments, secrets, calls, chain, tally, signer, log }, request, response),
  );
  const stop = async (waitMs: number): Promise<void> => {
    clearInterval(timer);
    const closed = Promise.all([control.close(), deployments.close()]);
    await Promise.race([
      closed.then(() => underWayEnds(deployments)),
      new Promise((resume) => setTimeout(resume, waitMs).unref()),
    ]);
    sharedRecords.close();
    calls.close();
    tally.close();
    database.close();
  };
  return {
    get stuck() {
      return deployments.stuck;
    },
    stop,
  };
}

/** A call goes on when its gate has gone, so that its outcome is known: no open connection tells of it. */
async function underWayEnds(deployments: Deployments): Promise<void> {
  while (deployments.underWay > 0) await new Promise((resume) => setTimeout(resume, 10));
}

function requirePrivateFolder(path: string): void {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat?.isDirectory() !== true)
    throw new PrivateFileError(`${path}: no such folder; make it with mode 0700 for the broker's user`);
  if ((stat.mode & 0o077) !== 0 || stat.uid !== process.getuid?.())
    throw new PrivateFileError(
      `${path}: must be the broker's own folder with mode 0700; run chown ${process.getuid?.()} and chmod 700 on it`,
    );
}

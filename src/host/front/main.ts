// Control `runtime`: the front as a process. It starts with its folders and an address and holds nothing else: no key, no
// environment it reads, and no file but its audit chains and its access log. Beyond loopback it would speak to strangers
// without knowing who they are, so until an identity provider can be set it refuses to.
import { statSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { AccessFile } from "./access-file.ts";
import { type AccessRecord, type ClientWords, combinedLine } from "./access-log.ts";
import { FrontChain } from "./chain.ts";
import { frontLimits } from "./limits.ts";
import { type FrontFlags, parseFlags } from "./flags.ts";
import { healthSocket, serveHealth } from "./health.ts";
import { Measures } from "./measures.ts";
import { createFront } from "./server.ts";

const flags = parseFlags(process.argv.slice(2));
if (typeof flags === "string") stop(2, flags);
else start(flags);

function start({ run, state, host, port, trusted }: FrontFlags): void {
  if (statSync(run, { throwIfNoEntry: false })?.isDirectory() !== true) {
    return stop(1, `the folder ${run} does not exist: give the folder that holds gates/ with --run DIR`);
  }
  // Whoever reads the log may go away; requests go on without it.
  process.stdout.on("error", () => undefined);
  const chain = openChain(state);
  const file = openFile(state);
  const measures = new Measures();
  const log = (record: AccessRecord, words: ClientWords): void => {
    measures.note(record);
    print(record);
    file.add(combinedLine(record, words));
  };
  const front = createFront({ run, limits: frontLimits, trusted, log, witness: chain });
  front.server.once("error", (error: NodeJS.ErrnoException) => stop(1, listenProblem(error, host, port)));
  front.server.listen(port, host, () => {
    const { port: bound } = front.server.address() as AddressInfo;
    const url = `http://${host.includes(":") ? `[${host}]` : host}:${bound}`;
    serveHealth(healthSocket(run), chain.table, measures).then(
      () => print({ event: "listening", url }),
      (error: Error) => stop(1, error.message),
    );
  });
  // A terminal sends SIGINT to every process of its group; the front leaves it as politely as it was asked to start.
  const end = async (): Promise<void> => {
    await front.drain();
    file.flush();
    chain.close();
    process.exit(0);
  };
  for (const signal of ["SIGTERM", "SIGINT"]) process.once(signal, () => void end());
}

function openChain(state: string): FrontChain {
  try {
    return new FrontChain(state, (error) => print({ event: "storage_failed", error: error.message }));
  } catch (error) {
    return stop(1, (error as Error).message);
  }
}

function openFile(state: string): AccessFile {
  try {
    return new AccessFile(state);
  } catch (error) {
    return stop(1, `the access log cannot be written (${(error as Error).message})`);
  }
}

function listenProblem(error: NodeJS.ErrnoException, host: string, port: number): string {
  if (error.code === "EADDRINUSE") {
    return `port ${port} on ${host} is in use by another program: choose another port with --listen ${host}:PORT`;
  }
  return `cannot listen on ${host} port ${port} (${error.code ?? error.message}): choose another with --listen HOST:PORT`;
}

function print(line: object): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

function stop(code: number, message: string): never {
  process.stderr.write(`front: ${message}\n`);
  process.exit(code);
}

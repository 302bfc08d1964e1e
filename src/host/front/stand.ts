// For tests only: a front on a real port, gates on real unix sockets, and a client that sends exactly the bytes it was
// given. A gate here is a plain HTTP server, because the front must hold whatever stands behind it.
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type RequestListener, type Server } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import type { ChainTable } from "../chain-table.ts";
import { type AccessRecord, combinedLine } from "./access-log.ts";
import { FrontChain } from "./chain.ts";
import { frontLimits, type FrontLimits } from "./limits.ts";
import { noProxies, type TrustedProxies } from "../trusted-proxies.ts";
import { createFront, type Front } from "./server.ts";

/** A request as a gate received it. */
export interface Seen {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage["headers"];
  readonly rawHeaders: string[];
  /** Complete when the request was; what had come when it was cut. */
  body: string;
  whole: boolean;
}

export interface StandGate {
  readonly seen: Seen[];
  /** Connections accepted. */
  connections(): number;
  /** Stops listening and cuts every connection, as a kill does. */
  kill(): Promise<void>;
  start(): Promise<void>;
}

export interface Stand {
  readonly run: string;
  readonly port: number;
  readonly url: string;
  readonly front: Front;
  readonly records: AccessRecord[];
  /** The same in the combined format. */
  readonly lines: string[];
  readonly chain: ChainTable;
  gate(name: string, listener?: RequestListener): Promise<StandGate>;
}

const echo: RequestListener = (request, response) => request.on("end", () => response.end("answered"));

/** Opens a front with the given limits in place of the usual ones; closed when the test ends. */
export async function openStand(
  t: TestContext,
  limits: Partial<FrontLimits> = {},
  trusted: TrustedProxies = noProxies,
): Promise<Stand> {
  const run = mkdtempSync(join(tmpdir(), "ambit-front-"));
  const records: AccessRecord[] = [];
  const lines: string[] = [];
  const state = join(run, "state");
  mkdirSync(state);
  const chain = new FrontChain(state, (error) => assert.fail(error));
  const front = createFront({
    run,
    limits: { ...frontLimits, ...limits },
    trusted,
    log: (record, words) => {
      records.push(record);
      lines.push(combinedLine(record, words));
    },
    witness: chain,
  });
  await new Promise<void>((resolve) => front.server.listen(0, "127.0.0.1", resolve));
  const gates: StandGate[] = [];
  t.after(async () => {
    front.server.closeAllConnections();
    await front.drain();
    await Promise.all(gates.map((gate) => gate.kill()));
    chain.close();
    rmSync(run, { recursive: true });
  });
  const { port } = front.server.address() as AddressInfo;
  const gate = async (name: string, listener = echo): Promise<StandGate> => {
    const opened = openGate(makeGateFolder(run, name), listener);
    gates.push(opened);
    await opened.start();
    return opened;
  };
  return { run, port, url: `http://127.0.0.1:${port}`, front, records, lines, chain: chain.table, gate };
}

/** The folder of a deployment that is not frozen. */
export function makeGateFolder(run: string, name: string): string {
  const folder = join(run, "gates", name);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "open"), "");
  return folder;
}

function openGate(folder: string, listener: RequestListener): StandGate {
  const path = join(folder, "in.sock");
  const seen: Seen[] = [];
  let connections = 0;
  let server: Server | undefined;
  const start = (): Promise<void> =>
    new Promise((resolve) => {
      server = createServer((request, response) => {
        seen.push(watch(request));
        listener(request, response);
      });
      server.on("connection", () => connections++);
      rmSync(path, { force: true });
      server.listen(path, resolve);
    });
  const kill = (): Promise<void> =>
    new Promise((resolve) => {
      if (server?.listening !== true) return resolve();
      server.close(() => resolve());
      server.closeAllConnections();
    });
  return { seen, connections: () => connections, start, kill };
}

function watch(request: IncomingMessage): Seen {
  const { method = "", url = "", headers, rawHeaders } = request;
  const seen: Seen = { method, url, headers, rawHeaders, body: "", whole: false };
  request.on("data", (chunk: Buffer) => (seen.body += chunk.toString("latin1")));
  request.on("end", () => (seen.whole = true));
  request.on("error", () => undefined);
  return seen;
}

/** A connection on which a test writes its own bytes. */
export interface Wire {
  readonly socket: Socket;
  /** Everything that came back so far. */
  text(): string;
  /** Resolves with everything that came when the other side closes, or rejects after `ms`. */
  closed(ms?: number): Promise<string>;
  /** The same, after an end of our own as soon as something came: for answers that keep the connection. */
  end(ms?: number): Promise<string>;
}

/** Connects to a port of this machine and sends `bytes` as they are. */
export function openWire(port: number, bytes: string | Buffer = ""): Wire {
  const socket = connect({ port, host: "127.0.0.1" });
  let text = "";
  socket.on("data", (chunk) => (text += chunk.toString("latin1")));
  socket.on("error", () => undefined);
  if (bytes.length > 0) socket.write(bytes);
  const gone = new Promise<void>((resolve) => socket.once("close", () => resolve()));
  const closed = async (ms = 5_000): Promise<string> => {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`connection still open after ${ms} ms; came: ${text}`)), ms);
    });
    await Promise.race([gone, late]).finally(() => {
      clearTimeout(timer);
      socket.destroy();
    });
    return text;
  };
  const end = (ms?: number): Promise<string> => {
    socket.once("data", () => socket.end());
    return closed(ms);
  };
  return { socket, text: () => text, closed, end };
}

/** Waits until `isTrue()`; fails after 5 s saying what did not happen. */
export async function eventually(what: string, isTrue: () => boolean): Promise<void> {
  const deadline = performance.now() + 5_000;
  while (!isTrue()) {
    if (performance.now() > deadline) throw new Error(`did not happen within 5 s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

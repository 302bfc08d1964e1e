// Control `admin-access`, `runtime`: the admin process. It starts with its folders and an address and holds no key and no truth:
// what it knows it asks of the supervisor, and what it keeps can be lost. It may die for an hour and nothing else stops.
import { statSync } from "node:fs";
import { join } from "node:path";
import { AnswerStore } from "./answer-store.ts";
import { makeApp } from "./app.ts";
import { EventPuller } from "./event-puller.ts";
import { openEvents } from "./event-store.ts";
import { parseFlags, type AdminFlags } from "./flags.ts";
import { healthSocket, serveHealth } from "./health.ts";
import { HostLink } from "./host-link.ts";
import { Idempotency } from "./idempotency.ts";
import { OtlpSender } from "./otlp.ts";
import { Inbox } from "./inbox.ts";
import { rows } from "./routes.ts";
import { makeServer } from "./serve.ts";
import { openStore } from "./store.ts";
import { Streams } from "./streams.ts";
import { TokenStore } from "./token-store.ts";
import { Watch } from "./watch.ts";
import { WatchStore } from "./watch-store.ts";

const graceMs = 4000;

const flags = parseFlags(process.argv.slice(2));
if (typeof flags === "string") stop(2, flags);
else start(flags);

function start({ run, state, host, port, collector }: AdminFlags): void {
  if (statSync(run, { throwIfNoEntry: false })?.isDirectory() !== true) {
    return stop(1, `the folder ${run} does not exist: give the folder of sockets with --run DIR`);
  }
  // Whoever reads the log may go away; requests go on without it.
  process.stdout.on("error", () => undefined);
  const db = open(join(state, "admin.sqlite"));
  const tokens = new TokenStore(db);
  const link = new HostLink(join(run, "admin", "host.sock"));
  const otlp = collector === null ? null : new OtlpSender(collector);
  const watch = new Watch(link, new WatchStore(db), otlp && ((spans) => otlp.add(spans)));
  const index = openIndex(join(state, "events.sqlite"), link, tokens);
  const keys = new Idempotency(new AnswerStore(db));
  const app = makeApp({
    rows,
    context: { host: link, tokens, idempotency: keys, watch, otlp, ...index },
    log: print,
    now: Date.now,
  });
  const server = makeServer(app);
  server.once("error", (error: NodeJS.ErrnoException) => stop(1, listenProblem(error, host, port)));
  server.listen(port, host, () => {
    if (otlp !== null) watch.start();
    index.puller.start();
    serveHealth(healthSocket(run), tokens).then(
      () => print({ event: "listening", host, port }),
      (error: Error) => stop(1, error.message),
    );
  });
  const end = (): void => {
    watch.stop();
    otlp?.stop();
    index.puller.stop();
    index.streams.close();
    server.close(() => process.exit(0));
    server.closeIdleConnections();
    setTimeout(() => process.exit(0), graceMs).unref();
  };
  for (const signal of ["SIGTERM", "SIGINT"]) process.once(signal, end);
}

/** Never a reason not to serve: what is in there can be read again. */
function openIndex(path: string, link: HostLink, tokens: TokenStore) {
  const events = openEvents(path);
  const puller = new EventPuller(link, events, print);
  return { events, puller, inbox: new Inbox(link, puller), streams: new Streams(tokens) };
}

function open(path: string): ReturnType<typeof openStore> {
  try {
    return openStore(path);
  } catch (error) {
    return stop(1, (error as Error).message);
  }
}

function listenProblem(error: NodeJS.ErrnoException, host: string, port: number): string {
  if (error.code === "EADDRINUSE") {
    return `port ${port} on ${host} is in use by another program: choose another port with --admin ${host}:PORT`;
  }
  return `cannot listen on ${host} port ${port} (${error.code ?? error.message}): choose another with --admin HOST:PORT`;
}

function print(line: object): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

function stop(code: number, message: string): never {
  process.stderr.write(`admin: ${message}\n`);
  process.exit(code);
}

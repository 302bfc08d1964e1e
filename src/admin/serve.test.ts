// Broken HTTP, over a raw socket: each is one step away from a request that is answered.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { type AddressInfo, connect } from "node:net";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { Hono } from "hono";
import { AnswerStore } from "./answer-store.ts";
import { makeApp } from "./app.ts";
import { EventPuller } from "./event-puller.ts";
import { openEvents } from "./event-store.ts";
import { sendRaw, statusesOf } from "./fixtures/raw.ts";
import { HostLink } from "./host-link.ts";
import { Idempotency } from "./idempotency.ts";
import { Inbox } from "./inbox.ts";
import { rows } from "./routes.ts";
import { makeServer } from "./serve.ts";
import { openStore } from "./store.ts";
import { Streams } from "./streams.ts";
import { TokenStore } from "./token-store.ts";
import { Watch } from "./watch.ts";
import { WatchStore } from "./watch-store.ts";

const folder = mkdtempSync("/tmp/ambit-serve-");
const db = openStore(join(folder, "admin.sqlite"));
const tokens = new TokenStore(db);
const token = tokens.make("amy", "operator", 1, Date.now())?.token ?? "";
const link = new HostLink(join(folder, "no.sock"));
const events = openEvents(join(folder, "events.sqlite"));
const puller = new EventPuller(link, events, () => undefined);
const context = {
  ...{ host: link, tokens, idempotency: new Idempotency(new AnswerStore(db)), events, puller },
  ...{ inbox: new Inbox(link, puller), streams: new Streams(tokens) },
  ...{ watch: new Watch(link, new WatchStore(db), null), otlp: null },
};
const logged: object[] = [];
const app = makeApp({ rows, context, log: (line) => logged.push(line), now: Date.now });
const server = makeServer(app);
let port = 0;

before(async () => {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  port = (server.address() as AddressInfo).port;
});

after(() => {
  server.closeAllConnections();
  server.close();
  rmSync(folder, { recursive: true, force: true });
});

const host = "Host: localhost\r\n";
const last = "Connection: close\r\n\r\n";
const auth = `Authorization: Bearer ${token}\r\n`;
const json = "Content-Type: application/json\r\n";
const freeze = `POST /v1/deployments/alpha/freeze HTTP/1.1\r\n${host}${auth}${json}`;

/** Name, what is sent, and the statuses of all that comes back. */
const cases: readonly [name: string, sent: string | Uint8Array, statuses: readonly number[]][] = [
  ["works at all: a good request", `GET /healthz HTTP/1.1\r\n${host}${last}`, [200]],
  ["works at all: a good act meets no supervisor here", `${freeze}Content-Length: 2\r\n${last}{}`, [503]],
  ["works at all: chunks", `${freeze}Transfer-Encoding: chunked\r\n${last}2\r\n{}\r\n0\r\n\r\n`, [503]],
  ["two lengths", `${freeze}Content-Length: 2\r\nContent-Length: 3\r\n${last}{}`, [400]],
  ["a length and chunks", `${freeze}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n${last}0\r\n\r\n`, [400]],
  ["chunks that are not the last coding", `${freeze}Transfer-Encoding: chunked, identity\r\n${last}0\r\n\r\n`, [400]],
  ["an unknown coding", `${freeze}Transfer-Encoding: gzip\r\n${last}0\r\n\r\n`, [400]],
  ["a hidden coding", `${freeze}Transfer-Encoding: \x0bchunked\r\n${last}0\r\n\r\n`, [400]],
  ["a length with a sign", `${freeze}Content-Length: +2\r\n${last}{}`, [400]],
  ["a length with a space inside", `${freeze}Content-Length: 2 2\r\n${last}{}`, [400]],
  ["a negative length", `${freeze}Content-Length: -1\r\n${last}`, [400]],
  ["a chunk size that is no number", `${freeze}Transfer-Encoding: chunked\r\n${last}zz\r\n{}\r\n0\r\n\r\n`, [400]],
  ["a chunk longer than it says", `${freeze}Transfer-Encoding: chunked\r\n${last}1\r\n{}\r\n0\r\n\r\n`, [400]],
  ["a chunk size beyond all bounds", `${freeze}Transfer-Encoding: chunked\r\n${last}fffffffffffffffff\r\n`, [400]],
  ["no host", `GET /healthz HTTP/1.1\r\n${last}`, [400]],
  ["two hosts", `GET /healthz HTTP/1.1\r\n${host}${host}${last}`, [400]],
  ["two hosts, one of another site", `GET /healthz HTTP/1.1\r\n${host}Host: evil.example\r\n${last}`, [400]],
  ["another site's host", `GET /healthz HTTP/1.1\r\nHost: evil.example\r\n${last}`, [421]],
  ["a host with a user", `GET /healthz HTTP/1.1\r\nHost: localhost@evil.example\r\n${last}`, [421]],
  ["an absolute target", `GET http://localhost/healthz HTTP/1.1\r\n${host}${last}`, [400]],
  ["another site's absolute target", `GET http://evil.example/healthz HTTP/1.1\r\n${host}${last}`, [400]],
  ["a target that begins like a host", `GET //evil.example/healthz HTTP/1.1\r\n${host}${last}`, [400]],
  ["a target with a backslash", `GET /\\evil.example HTTP/1.1\r\n${host}${last}`, [400]],
  ["a target with a fragment", `GET /healthz#x HTTP/1.1\r\n${host}${last}`, [400]],
  ["a star", `OPTIONS * HTTP/1.1\r\n${host}${last}`, [400]],
  ["dot segments", `GET /v1/../healthz/../healthz HTTP/1.1\r\n${host}${last}`, [400]],
  ["raw bytes above ASCII in the target", Buffer.from(`GET /h\xe9 HTTP/1.1\r\n${host}${last}`, "latin1"), [400]],
  ["a broken escape", `GET /v1/deployments/%zz HTTP/1.1\r\n${host}${auth}${last}`, [422]],
  ["an escape that is no character", `GET /v1/deployments/%ff%fe HTTP/1.1\r\n${host}${auth}${last}`, [422]],
  ["a line without a carriage return", `GET /healthz HTTP/1.1\n${host}${last}`, [400]],
  ["a header folded over two lines", `GET /healthz HTTP/1.1\r\n${host}X-A: a\r\n b\r\n${last}`, [400]],
  ["a space before the colon", `GET /healthz HTTP/1.1\r\n${host}X-A : a\r\n${last}`, [400]],
  ["a header without a name", `GET /healthz HTTP/1.1\r\n${host}: a\r\n${last}`, [400]],
  ["a nought in a header", `GET /healthz HTTP/1.1\r\n${host}X-A: a\0b\r\n${last}`, [400]],
  ["HTTP/0.9", "GET /healthz\r\n\r\n", [400]],
  ["HTTP/9.9", `GET /healthz HTTP/9.9\r\n${host}${last}`, [400]],
  ["the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", [400]],
  ["a TLS hello", new Uint8Array([22, 3, 1, 0, 200, 1, 0, 0, 196, 3, 3]), [400]],
  ["a method nobody knows", `FROB /healthz HTTP/1.1\r\n${host}${last}`, [400]],
  ["a method in small letters", `get /healthz HTTP/1.1\r\n${host}${last}`, [400]],
  ["a proxy's method", `CONNECT localhost:443 HTTP/1.1\r\n${host}${last}`, [400]],
  ["an upgrade", `GET /healthz HTTP/1.1\r\n${host}Connection: upgrade\r\nUpgrade: websocket\r\n\r\n`, [400]],
  ["an upgrade to HTTP/2", `GET /healthz HTTP/1.1\r\n${host}Connection: upgrade\r\nUpgrade: h2c\r\n\r\n`, [400]],
  ["a method that says the request again", `TRACE /healthz HTTP/1.1\r\n${host}${last}`, [405]],
  ["an empty length", `${freeze}Content-Length:\r\n${last}`, [400]],
  ["a length under a name with a space", `${freeze}Content-Length : 2\r\n${last}{}`, [400]],
  ["a coding under a name with a space", `${freeze}Transfer-Encoding : chunked\r\n${last}0\r\n\r\n`, [400]],
  ["chunks twice", `${freeze}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n${last}0\r\n\r\n`, [400]],
  ["a chunk size with a sign", `${freeze}Transfer-Encoding: chunked\r\n${last}+2\r\n{}\r\n0\r\n\r\n`, [400]],
  ["a chunk size with 0x", `${freeze}Transfer-Encoding: chunked\r\n${last}0x2\r\n{}\r\n0\r\n\r\n`, [400]],
  ["a chunk ended by a line feed", `${freeze}Transfer-Encoding: chunked\r\n${last}2\n{}\n0\n\n`, [400]],
  ["a line feed in a chunk extension", `${freeze}Transfer-Encoding: chunked\r\n${last}2;a\n{}\r\n0\r\n\r\n`, [400]],
  ["a chunk extension without end", `${freeze}Transfer-Encoding: chunked\r\n${last}2;${"a".repeat(20_000)}`, [413]],
  ["a carriage return alone", `GET /healthz HTTP/1.1\r\n${host}X-A: a\rX-B: b\r\n${last}`, [400]],
  ["an encoded dot segment", `GET /v1/%2e%2e/healthz HTTP/1.1\r\n${host}${last}`, [400]],
  ["an encoded slash", `GET /v1%2fstatus HTTP/1.1\r\n${host}${auth}${last}`, [404]],
  ["an encoded zero byte", `GET /healthz%00 HTTP/1.1\r\n${host}${auth}${last}`, [404]],
  ["an encoded backslash", `GET /v1/..%5chealthz HTTP/1.1\r\n${host}${auth}${last}`, [404]],
  ["a doubled slash inside", `GET /v1//status HTTP/1.1\r\n${host}${auth}${last}`, [404]],
  ["an overlong dot", `GET /v1/%c0%ae%c0%ae/healthz HTTP/1.1\r\n${host}${auth}${last}`, [404]],
  ["dots in a query, which mean nothing", `GET /healthz?a=/../%2e%2e// HTTP/1.1\r\n${host}${last}`, [422]],
  ["an expectation nobody knows", `GET /healthz HTTP/1.1\r\n${host}Expect: tea\r\n${last}`, [417]],
  ["headers without end", `GET /healthz HTTP/1.1\r\n${host}${"X-A: a\r\n".repeat(4000)}${last}`, [431]],
  ["one header without end", `GET /healthz HTTP/1.1\r\n${host}X-A: ${"a".repeat(40_000)}\r\n${last}`, [431]],
  ["a target without end", `GET /${"a".repeat(40_000)} HTTP/1.1\r\n${host}${last}`, [431]],
  ["two Authorization headers", `GET /v1/status HTTP/1.1\r\n${host}${auth}${auth}${last}`, [401]],
  [
    "a second request hidden in a body that no route takes",
    `GET /healthz HTTP/1.1\r\n${host}Content-Length: 50\r\n\r\nGET /v1/status HTTP/1.1\r\n${host}${last}`,
    [413],
  ],
  [
    "bytes after the last request",
    `GET /healthz HTTP/1.1\r\n${host}${last}GET /healthz HTTP/1.1\r\n${host}${last}`,
    [400],
  ],
];

for (const [name, sent, statuses] of cases) {
  test(name, async () => {
    const answer = await sendRaw(port, [sent], { limitMs: 1500, halfClose: true });
    assert.deepEqual(statusesOf(answer), statuses, answer.slice(0, 600));
    if ((statuses[0] ?? 200) >= 400) assert.match(answer, /content-type: application\/problem\+json/i);
  });
}

test("a hundred megabytes are refused before they are sent", async () => {
  const chunk = Buffer.alloc(1_048_576, 0x20);
  const head = `${freeze}Content-Length: ${100 * chunk.length}\r\n\r\n`;
  const answer = await sendRaw(port, [head, ...Array.from({ length: 100 }, () => chunk)], { limitMs: 10_000 });
  assert.deepEqual(statusesOf(answer), [413]);
});

test("a hundred megabytes in chunks, which announce nothing, are refused when they are over", async () => {
  const chunk = Buffer.concat([Buffer.from("100000\r\n"), Buffer.alloc(1_048_576, 0x20), Buffer.from("\r\n")]);
  const head = `${freeze}Transfer-Encoding: chunked\r\n\r\n`;
  const answer = await sendRaw(port, [head, ...Array.from({ length: 100 }, () => chunk)], { limitMs: 10_000 });
  assert.deepEqual(statusesOf(answer), [413]);
});

test("headers, bodies and readers that drip are cut in time, and others are served meanwhile", async (t) => {
  const times = { headersTimeout: 1000, requestTimeout: 1400, connectionsCheckingInterval: 50, stallMs: 1000 };
  const big = new Hono().all("*", async ({ req, text }) => {
    await req.text();
    return text("a".repeat(req.path === "/big" ? 33_554_432 : 1));
  });
  const slow = makeServer(big, times);
  await new Promise<void>((resolve) => slow.listen(0, "127.0.0.1", resolve));
  t.after(() => slow.close());
  const at = (slow.address() as AddressInfo).port;
  const drip = (text: string) => Array.from(text.repeat(100), (letter) => letter);
  const pace = { pauseMs: 20, limitMs: 5000 };
  const head = sendRaw(at, [`GET / HTTP/1.1\r\n${host}X-A: `, ...drip("a")], pace);
  const body = sendRaw(at, [`POST / HTTP/1.1\r\n${host}Content-Length: 1000\r\n\r\n`, ...drip("a")], pace);
  const reader = connect(at, "127.0.0.1").pause();
  // Seen from the server: who does not read does not see an end either.
  const gone = new Promise<void>((resolve) =>
    slow.on("connection", (socket) => {
      if (socket.remotePort === reader.localPort) socket.once("close", () => resolve());
    }),
  );
  reader.on("error", () => undefined).write(`GET /big HTTP/1.1\r\n${host}\r\n`);
  const reading = setInterval(() => reader.read(1), 20);
  t.after(() => clearInterval(reading));
  assert.equal((await fetch(`http://127.0.0.1:${at}/`)).status, 200);
  assert.deepEqual([await head, await body].map(statusesOf), [[408], [408]]);
  await gone;
  reader.destroy();
  assert.ok(reader.bytesRead < 33_554_432);
});

test("nothing of this was a fault of ours", () => {
  assert.deepEqual(logged, []);
});

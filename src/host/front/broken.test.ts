// Controls `schemas`, `runtime`: HTTP that no client writes, byte by byte, beyond what smuggling.test.ts and server.test.ts send. Each
// row is one step away from the request that works at all; none reaches the gate whole, none is answered twice, and each
// connection on which a reader could go on in the wrong place is closed.
import assert from "node:assert/strict";
import { test } from "node:test";
import { eventually, openStand, openWire } from "./fixtures/stand.ts";

const at = "/d/clerk/v1/messages";
const hidden = "POST /control/pin HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n";
const post = `POST ${at} HTTP/1.1\r\nHost: a\r\n`;
const chunked = `${post}Transfer-Encoding: chunked\r\n`;
const get = (target: string, host = "a") => `GET ${target} HTTP/1.1\r\nHost: ${host}\r\n\r\n`;

const rows: readonly (readonly [name: string, sent: string, status: number])[] = [
  // Two readers, two ends.
  ["an empty length", `${post}Content-Length:\r\n\r\n${hidden}`, 400],
  ["a length in hexadecimal", `${post}Content-Length: 0x0\r\n\r\n${hidden}`, 400],
  ["a length with a fraction", `${post}Content-Length: 0.0\r\n\r\n${hidden}`, 400],
  ["a length with a comma", `${post}Content-Length: 0,\r\n\r\n${hidden}`, 400],
  ["a length beyond 64 bits", `${post}Content-Length: 18446744073709551616\r\n\r\n${hidden}`, 400],
  ["a length under a name with a space", `${post}Content-Length : 0\r\n\r\n${hidden}`, 400],
  ["a length on a folded line", `${post}Content-Length:\r\n 0\r\n\r\n${hidden}`, 400],
  ["a length behind a tab and a fold", `${post}X: 1\r\n\tContent-Length: 5\r\n\r\n${hidden}`, 400],
  ["an empty coding", `${post}Transfer-Encoding:\r\n\r\n0\r\n\r\n${hidden}`, 400],
  ["the coding identity", `${post}Transfer-Encoding: identity\r\nContent-Length: 0\r\n\r\n${hidden}`, 400],
  ["a coding with a parameter", `${post}Transfer-Encoding: chunked;q=1\r\n\r\n0\r\n\r\n${hidden}`, 400],
  ["a coding in quotes", `${post}Transfer-Encoding: "chunked"\r\n\r\n0\r\n\r\n${hidden}`, 400],
  ["a coding with a vertical tab", `${post}Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n${hidden}`, 400],
  ["a coding with a zero byte", `${post}Transfer-Encoding: chunked\0\r\n\r\n0\r\n\r\n${hidden}`, 400],
  [
    "a coding under a name with an underscore and a length",
    `${post}Transfer_Encoding: chunked\r\nContent-Length: x\r\n\r\n`,
    400,
  ],
  ["chunks after a bare line feed", `${post}X: 1\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${hidden}`, 400],
  ["chunks after a bare carriage return", `${post}X: 1\rTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${hidden}`, 400],
  ["compressed and then chunks", `${post}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n${hidden}`, 400],
  ["two codings in two headers", `${chunked}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n${hidden}`, 400],
  // Chunks.
  ["an empty chunk size", `${chunked}\r\n\r\nabc\r\n0\r\n\r\n${hidden}`, 400],
  ["a chunk size with a plus", `${chunked}\r\n+3\r\nabc\r\n0\r\n\r\n${hidden}`, 400],
  ["a chunk size with an underscore", `${chunked}\r\n0_3\r\nabc\r\n0\r\n\r\n${hidden}`, 400],
  ["a space before a chunk size", `${chunked}\r\n 3\r\nabc\r\n0\r\n\r\n${hidden}`, 400],
  ["a chunk size ended by a carriage return alone", `${chunked}\r\n3\rabc\r\n0\r\n\r\n${hidden}`, 400],
  ["a chunk without its line end", `${chunked}\r\n3\r\nabc0\r\n\r\n${hidden}`, 400],
  ["a zero byte in a chunk extension", `${chunked}\r\n3;a=\0\r\nabc\r\n0\r\n\r\n${hidden}`, 400],
  ["a trailer with a space before its colon", `${chunked}\r\n0\r\nX : 1\r\n\r\n${hidden}`, 400],
  ["a folded trailer", `${chunked}\r\n0\r\nX: 1\r\n 2\r\n\r\n${hidden}`, 400],
  ["a chunk extension of 20 KiB", `${chunked}\r\n3;${"a".repeat(20_000)}\r\nabc\r\n0\r\n\r\n`, 400],
  ["trailers of 20 KiB", `${chunked}\r\n0\r\n${"X: 1\r\n".repeat(3500)}\r\n`, 431],
  // Request lines.
  ["a tab after the method", `GET\t${at} HTTP/1.1\r\nHost: a\r\n\r\n`, 400],
  ["a method in small letters", `get ${at} HTTP/1.1\r\nHost: a\r\n\r\n`, 400],
  ["a space before the method", ` GET ${at} HTTP/1.1\r\nHost: a\r\n\r\n`, 400],
  ["no target", "GET HTTP/1.1\r\nHost: a\r\n\r\n", 400],
  ["TRACE", `TRACE ${at} HTTP/1.1\r\nHost: a\r\n\r\n`, 405],
  ["TRACK", `TRACK ${at} HTTP/1.1\r\nHost: a\r\n\r\n`, 400],
  ["CONNECT with a body behind it", `CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n${hidden}`, 405],
  [
    "a WebSocket with a body behind it",
    `GET ${at} HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n${hidden}`,
    400,
  ],
  // Targets.
  ["an absolute target of this host", get("http://a/d/clerk/v1/x"), 400],
  ["an absolute target over TLS", get("https://a/d/clerk/v1/x"), 400],
  ["a target without a path", get("a:80"), 400],
  ["a doubled slash", get("//d/clerk/v1/x"), 400],
  ["a doubled slash inside", get("/d/clerk//v1/x"), 400],
  ["a dot segment", get("/d/clerk/v1/../../control/pin"), 400],
  ["an encoded dot segment", get("/d/clerk/v1/%2e%2e/control/pin"), 400],
  ["an encoded slash", get("/d/clerk%2fv1/x"), 400],
  ["an encoded zero byte", get("/d/clerk/v1/x%00"), 400],
  ["a doubly encoded dot", get("/d/clerk/v1/%252e%252e/x"), 400],
  ["an overlong dot", get("/d/clerk/v1/%c0%ae%c0%ae/x"), 400],
  ["UTF-8 in the path", get("/d/clerk/v1/\u00c3\u00a4"), 400],
  ["a full-width slash", get("/d/clerk/v1/\u00ef\u00bc\u008f"), 400],
  ["a backslash", get("/d/clerk/v1/..\\control"), 400],
  ["a fragment", get("/d/clerk/v1/x#y"), 400],
  ["a path parameter", get("/d/clerk/v1;a=b/x"), 400],
  // Hosts.
  ["a host with a user", get(at, "a@b"), 400],
  ["a host with a path", get(at, "a/b"), 400],
  ["a list of hosts", get(at, "a, b"), 400],
  ["an empty host", get(at, ""), 400],
  ["a host with a backslash", get(at, "a\\b"), 400],
  ["two hosts that are the same", `GET ${at} HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n`, 400],
  ["a host with a space before its colon", `GET ${at} HTTP/1.1\r\nHost : a\r\n\r\n`, 400],
  // Headers.
  ["a header without a colon", `GET ${at} HTTP/1.1\r\nHost: a\r\nX\r\n\r\n`, 400],
  ["a header whose name has a space", `GET ${at} HTTP/1.1\r\nHost: a\r\nX Y: 1\r\n\r\n`, 400],
  ["a header whose name has a high byte", `GET ${at} HTTP/1.1\r\nHost: a\r\n\u00e4: 1\r\n\r\n`, 400],
  ["a first header that is folded", `GET ${at} HTTP/1.1\r\n Host: a\r\n\r\n`, 400],
  ["a header with a bell in it", `GET ${at} HTTP/1.1\r\nHost: a\r\nX: \x07\r\n\r\n`, 400],
  ["ten thousand headers", `GET ${at} HTTP/1.1\r\nHost: a\r\n${"X:1\r\n".repeat(10_000)}\r\n`, 431],
  ["a header name of 20 KiB", `GET ${at} HTTP/1.1\r\nHost: a\r\n${"X".repeat(20_000)}: 1\r\n\r\n`, 431],
];

// One front for all rows: what one leaves behind, the next would meet.
test("broken HTTP", async (t) => {
  const stand = await openStand(t, { lingerMs: 20 });
  const gate = await stand.gate("clerk");
  for (const [name, sent, status] of rows) {
    await t.test(`${name} is refused`, async () => {
      const before = gate.seen.length;
      const text = await openWire(stand.port, Buffer.from(sent, "latin1")).end();
      assert.match(text, new RegExp(`^HTTP/1\\.1 ${status} [^]*content-type: application/problem\\+json`, "i"));
      assert.equal(text.split("HTTP/1.1 ").length, 2, `one answer only: ${text}`);
      for (const seen of gate.seen.slice(before)) assert.deepEqual([seen.url, seen.whole], ["/v1/messages", false]);
    });
  }
  await t.test("works at all: the requests beside them are served", async () => {
    const body = "Connection: close\r\n\r\n2;a=b\r\n{}\r\n0\r\nX: 1\r\n\r\n";
    for (const sent of [`${post}Content-Length: 2\r\nConnection: close\r\n\r\n{}`, chunked + body])
      assert.match(await openWire(stand.port, sent).closed(), /^HTTP\/1\.1 200 /);
    assert.ok(stand.records.length >= rows.length + 2, "each has its line in the log");
  });
});

for (const [name, head, piece] of [
  ["with its length", `${post}Content-Length: 104857600\r\n\r\n`, Buffer.alloc(1_048_576, 97)],
  ["in chunks", `${chunked}\r\n`, Buffer.from(`100000\r\n${"a".repeat(1_048_576)}\r\n`)],
] as const) {
  test(`100 MB ${name} are refused, and not read to their end`, async (t) => {
    const stand = await openStand(t, { lingerMs: 50 });
    const gate = await stand.gate("clerk");
    const wire = openWire(stand.port, head);
    let sent = 0;
    const more = (): void => {
      while (sent < 100 && !wire.socket.destroyed) {
        sent++;
        if (!wire.socket.write(piece)) return void wire.socket.once("drain", more);
      }
    };
    more();
    assert.match(await wire.closed(), /^HTTP\/1\.1 413 /);
    assert.ok(sent < 100, "the client is stopped before it has sent all");
    for (const seen of gate.seen) assert.ok(!seen.whole && seen.body.length <= 1_048_576);
  });
}

test("a client that reads a byte now and then is cut, its gate is let go, and others are served meanwhile", async (t) => {
  const stand = await openStand(t, { stallMs: 300 });
  let isLetGo = false;
  await stand.gate("clerk", (_request, response) => {
    const more = (): void => {
      while (response.write(Buffer.alloc(65_536, 97)));
    };
    response.on("drain", more).on("close", () => (isLetGo = true));
    more();
  });
  await stand.gate("other");
  const wire = openWire(stand.port);
  wire.socket.removeAllListeners("data").pause();
  wire.socket.write(get("/d/clerk/v1/x"));
  const reading = setInterval(() => wire.socket.read(1), 50);
  t.after(() => clearInterval(reading));
  await eventually("some of it came", () => wire.socket.readableLength > 0);
  assert.equal((await fetch(`${stand.url}/d/other/v1/x`)).status, 200);
  await eventually("the gate is let go", () => isLetGo);
  await eventually("a record", () => stand.records.some(({ reason }) => reason === "client_stalled"));
  wire.socket.destroy();
});

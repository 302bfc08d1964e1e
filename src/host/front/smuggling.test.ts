// Control `schemas`: one connection, one reading (RFC 9112, section 11.2). Each case hides a second request, for the
// gate's control path, where a sloppy reader would find it. The gate must see nothing of it, and the connection on which
// it came must not go on.
import assert from "node:assert/strict";
import { test } from "node:test";
import { eventually, openStand, openWire } from "./fixtures/stand.ts";

const hidden = "POST /control/pin HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n";
const post = "POST /d/clerk/v1/messages HTTP/1.1\r\nHost: a\r\n";
const zeroChunk = "0\r\n\r\n";

const refused: readonly [string, string][] = [
  ["length and chunks", `${post}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n${zeroChunk}${hidden}`],
  [
    "chunks and length",
    `${post}Transfer-Encoding: chunked\r\nContent-Length: ${zeroChunk.length + hidden.length}\r\n\r\n${zeroChunk}${hidden}`,
  ],
  ["two lengths", `${post}Content-Length: 0\r\nContent-Length: ${hidden.length}\r\n\r\n${hidden}`],
  ["two equal lengths", `${post}Content-Length: 0\r\nContent-Length: 0\r\n\r\n${hidden}`],
  ["a list of lengths", `${post}Content-Length: 0, ${hidden.length}\r\n\r\n${hidden}`],
  ["a length with a plus", `${post}Content-Length: +0\r\n\r\n${hidden}`],
  ["a length with a space inside", `${post}Content-Length: 0 0\r\n\r\n${hidden}`],
  ["a length and a vertical tab", `${post}Content-Length:\x0b${hidden.length}\r\n\r\n${hidden}`],
  ["chunks spelt wrong", `${post}Transfer-Encoding: xchunked\r\n\r\n${zeroChunk}${hidden}`],
  ["chunks after a space", `${post}Transfer-Encoding : chunked\r\n\r\n${zeroChunk}${hidden}`],
  ["chunks on a folded line", `${post}Transfer-Encoding:\r\n chunked\r\n\r\n${zeroChunk}${hidden}`],
  ["chunks, then identity", `${post}Transfer-Encoding: chunked, identity\r\n\r\n${zeroChunk}${hidden}`],
  ["chunks twice", `${post}Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n${zeroChunk}${hidden}`],
  ["chunks in HTTP/1.0", `${post.replace("1.1", "1.0")}Transfer-Encoding: chunked\r\n\r\n${zeroChunk}${hidden}`],
  [
    "a chunk size that is not hexadecimal",
    `${post}Transfer-Encoding: chunked\r\n\r\nxyz\r\nabc\r\n${zeroChunk}${hidden}`,
  ],
  ["a chunk size with 0x", `${post}Transfer-Encoding: chunked\r\n\r\n0x3\r\nabc\r\n${zeroChunk}${hidden}`],
  ["a negative chunk size", `${post}Transfer-Encoding: chunked\r\n\r\n-1\r\nabc\r\n${zeroChunk}${hidden}`],
  ["a chunk size over 64 bits", `${post}Transfer-Encoding: chunked\r\n\r\n10000000000000000\r\n${hidden}`],
  ["a chunk longer than its size", `${post}Transfer-Encoding: chunked\r\n\r\n3\r\nabcdef\r\n${zeroChunk}${hidden}`],
  ["a chunk ended by a bare line feed", `${post}Transfer-Encoding: chunked\r\n\r\n3\nabc\n${zeroChunk}${hidden}`],
  [
    "a bare line feed in a chunk extension",
    `${post}Transfer-Encoding: chunked\r\n\r\n3;a\nabc\r\n${zeroChunk}${hidden}`,
  ],
  ["headers ended by bare line feeds", `POST /d/clerk/v1/messages HTTP/1.1\nHost: a\nContent-Length: 0\n\n${hidden}`],
  ["a body on GET", `GET /d/clerk/v1/x HTTP/1.1\r\nHost: a\r\nContent-Length: ${hidden.length}\r\n\r\n${hidden}`],
  ["a header name with a line end", `${post}X\r\n-Note: 1\r\nContent-Length: 0\r\n\r\n${hidden}`],
];
for (const [name, bytes] of refused) {
  test(`${name}: refused, and nothing hidden behind it is served`, async (t) => {
    const stand = await openStand(t, { lingerMs: 50 });
    const gate = await stand.gate("clerk");
    const text = await openWire(stand.port, Buffer.from(bytes, "latin1")).closed();
    assert.match(text, /^HTTP\/1\.1 400 /);
    assert.equal(text.split("HTTP/1.1 ").length, 2, `one answer only: ${text}`);
    // A body that turns bad after its head was good may have begun to reach the gate; it never arrives whole there.
    for (const seen of gate.seen) assert.deepEqual([seen.url, seen.whole], ["/v1/messages", false]);
  });
}

test("a well-formed request with the same bytes as its body is passed on as one request", async (t) => {
  const stand = await openStand(t);
  const gate = await stand.gate("clerk");
  const size = hidden.length.toString(16);
  for (const bytes of [
    `${post}Connection: close\r\nContent-Length: ${hidden.length}\r\n\r\n${hidden}`,
    `${post}Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n${size}\r\n${hidden}\r\n${zeroChunk}`,
  ]) {
    assert.match(await openWire(stand.port, bytes).closed(), /^HTTP\/1\.1 200 /);
  }
  assert.deepEqual(
    gate.seen.map(({ url, body, whole }) => [url, body, whole]),
    [0, 1].map(() => ["/v1/messages", hidden, true]),
  );
});

test("a second request sent before the first was answered is refused, and the first is answered first", async (t) => {
  const stand = await openStand(t);
  const gate = await stand.gate("clerk", (_request, response) => setTimeout(() => response.end("slow"), 100));
  const one = "GET /d/clerk/v1/one HTTP/1.1\r\nHost: a\r\n\r\n";
  const text = await openWire(stand.port, one + one.replace("one", "two").repeat(50)).closed();
  assert.match(text, /^HTTP\/1\.1 200 [^]*slow[^]*HTTP\/1\.1 400 [^]*pipelining_refused/);
  assert.deepEqual(
    gate.seen.map((seen) => seen.url),
    ["/v1/one"],
  );
});

test("thousands of requests in one piece cost one answer and one line in the log", async (t) => {
  const stand = await openStand(t);
  await stand.gate("clerk", (_request, response) => setTimeout(() => response.end("slow"), 100));
  const one = "GET /d/clerk/v1/one HTTP/1.1\r\nHost: a\r\n\r\n";
  const text = await openWire(stand.port, one.repeat(5000)).closed();
  assert.equal(text.split("HTTP/1.1 ").length, 3, "the first one's answer and one refusal");
  await eventually("both are logged", () => stand.records.length === 2);
  assert.deepEqual(stand.records.map(({ reason }) => reason).sort(), [null, "pipelining_refused"].sort());
});

test("garbage after a request that is being answered cuts that connection; no answer is written into another", async (t) => {
  const stand = await openStand(t);
  await stand.gate("clerk", (_request, response) => {
    response.writeHead(200, { "content-length": "10" });
    response.write("12345");
  });
  const wire = openWire(stand.port, "GET /d/clerk/v1/x HTTP/1.1\r\nHost: a\r\n\r\n");
  await eventually("half an answer", () => wire.text().endsWith("12345"));
  wire.socket.write("\0\0\0 garbage\r\n\r\n");
  assert.match(await wire.closed(), /12345$/);
});

test("trailers do not become headers", async (t) => {
  const stand = await openStand(t);
  const gate = await stand.gate("clerk");
  const bytes = `${post}Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX-Ambit-Client: 6.6.6.6\r\nAuthorization: b\r\n\r\n`;
  assert.match(await openWire(stand.port, bytes).closed(), /^HTTP\/1\.1 200 /);
  const { headers, rawHeaders } = gate.seen[0] ?? assert.fail();
  assert.deepEqual([headers["x-ambit-client"], headers.authorization], ["127.0.0.1", undefined]);
  assert.ok(!rawHeaders.includes("6.6.6.6"));
});

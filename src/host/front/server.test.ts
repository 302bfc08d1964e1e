// Controls `schemas`, `gateway-tokens`: what the front serves over a real connection, and what it never lets through.
import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { Problem } from "../../controls/wire/gate.ts";
import { eventually, openStand, openWire } from "./fixtures/stand.ts";

test("a request reaches the gate of its deployment alone, and the answer comes back", async (t) => {
  const stand = await openStand(t);
  const a = await stand.gate("clerk-a", (request, response) => {
    request.on("end", () => response.writeHead(202, { "x-mine": "1" }).end("from a"));
  });
  const b = await stand.gate("clerk-b");
  const answer = await fetch(`${stand.url}/d/clerk-a/v1/messages?x=1`, {
    method: "POST",
    body: "hello",
    headers: { authorization: "Bearer t", "content-type": "application/json" },
  });
  assert.equal(answer.status, 202);
  assert.equal(answer.headers.get("x-mine"), "1");
  assert.equal(await answer.text(), "from a");
  assert.deepEqual([a.seen.length, b.seen.length], [1, 0]);
  const { method, url, body, headers } = a.seen[0] ?? assert.fail();
  assert.deepEqual([method, url, body, headers.host], ["POST", "/v1/messages?x=1", "hello", "clerk-a"]);
  assert.equal(headers.authorization, "Bearer t");
});

test("the gate hears the client's address and the request id from the front, whatever the client claims", async (t) => {
  const stand = await openStand(t);
  const gate = await stand.gate("clerk");
  const headers = {
    "x-ambit-client": "6.6.6.6",
    "x-ambit-request-id": "mine",
    "x-forwarded-for": "6.6.6.6",
    via: "me",
  };
  const answer = await fetch(`${stand.url}/d/clerk/v1/x`, { headers });
  const seen = gate.seen[0]?.headers ?? assert.fail();
  assert.equal(seen["x-ambit-client"], "127.0.0.1");
  assert.equal(seen["x-ambit-request-id"], answer.headers.get("x-ambit-request-id"));
  assert.notEqual(seen["x-ambit-request-id"], "mine");
  assert.deepEqual([seen["x-forwarded-for"], seen["via"]], [undefined, undefined]);
});

test("a missing deployment, a missing path and the control path are one and the same answer", async (t) => {
  const stand = await openStand(t);
  const gate = await stand.gate("clerk");
  const bodies: string[] = [];
  for (const path of [
    "/d/nobody/v1/x",
    "/d/clerk/control/approvals",
    "/d/nobody/control/x",
    "/elsewhere",
    "/d/clerk/v2/x",
  ]) {
    const answer = await fetch(stand.url + path);
    assert.equal(answer.status, 404, path);
    assert.equal(answer.headers.get("content-type"), "application/problem+json");
    bodies.push(await answer.text());
  }
  assert.equal(new Set(bodies).size, 1);
  assert.deepEqual(JSON.parse(bodies[0] ?? ""), {
    type: "urn:ambit:problem:not_found",
    title: "Not found",
    status: 404,
    detail: "Nothing is served at this path.",
  });
  assert.equal(gate.seen.length, 0);
});

test("a file in place of a deployment's folder is no deployment", async (t) => {
  const stand = await openStand(t);
  mkdirSync(join(stand.run, "gates"), { recursive: true });
  writeFileSync(join(stand.run, "gates", "clerk"), "");
  assert.equal((await fetch(`${stand.url}/d/clerk/v1/x`)).status, 404);
});

test("health is answered without any gate, to GET and HEAD only", async (t) => {
  const stand = await openStand(t);
  const answer = await fetch(`${stand.url}/healthz`);
  assert.deepEqual([answer.status, await answer.text()], [200, `{"status":"ok"}`]);
  assert.equal((await fetch(`${stand.url}/healthz`, { method: "HEAD" })).status, 200);
  const refused = await fetch(`${stand.url}/healthz`, { method: "POST", body: "x" });
  assert.deepEqual([refused.status, refused.headers.get("allow")], [405, "GET, HEAD, POST"]);
});

const shapes: readonly [string, string, number][] = [
  ["an absolute target", "GET http://127.0.0.1/d/clerk/v1/x HTTP/1.1\r\nHost: a\r\n\r\n", 400],
  ["CONNECT", "CONNECT 127.0.0.1:22 HTTP/1.1\r\nHost: 127.0.0.1:22\r\n\r\n", 405],
  ["CONNECT of a path", "CONNECT /d/clerk/v1/x HTTP/1.1\r\nHost: a\r\n\r\n", 405],
  [
    "a WebSocket upgrade",
    "GET /d/clerk/v1/x HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
    400,
  ],
  [
    "an upgrade to clear-text HTTP/2",
    "POST /d/clerk/v1/x HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMA\r\nContent-Length: 0\r\n\r\n",
    400,
  ],
  ["HTTP/2 from the first byte", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400],
  ["a TLS hello", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400],
  ["HTTP/0.9", "GET /d/clerk/v1/x\r\n\r\n", 400],
  ["an unknown version", "GET /d/clerk/v1/x HTTP/3.7\r\nHost: a\r\n\r\n", 400],
  ["an unknown method", "STEAL /d/clerk/v1/x HTTP/1.1\r\nHost: a\r\n\r\n", 400],
  ["no Host", "GET /d/clerk/v1/x HTTP/1.1\r\n\r\n", 400],
  ["two Hosts", "GET /d/clerk/v1/x HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400],
  ["a space before a colon", "GET /d/clerk/v1/x HTTP/1.1\r\nHost: a\r\nX-Note : 1\r\n\r\n", 400],
  ["a folded header", "GET /d/clerk/v1/x HTTP/1.1\r\nHost: a\r\nX-Note: 1\r\n 2\r\n\r\n", 400],
  ["a header without a name", "GET /d/clerk/v1/x HTTP/1.1\r\nHost: a\r\n: 1\r\n\r\n", 400],
  ["a zero byte in a header", "GET /d/clerk/v1/x HTTP/1.1\r\nHost: a\r\nX-Note: a\0b\r\n\r\n", 400],
  ["a bare CR in a header", "GET /d/clerk/v1/x HTTP/1.1\r\nHost: a\r\nX-Note: a\rX-Ambit-Client: b\r\n\r\n", 400],
  ["a zero byte in the target", "GET /d/clerk/v1/x\0 HTTP/1.1\r\nHost: a\r\n\r\n", 400],
  ["a raw high byte in the target", "GET /d/clerk/v1/\xff HTTP/1.1\r\nHost: a\r\n\r\n", 400],
  ["a space in the target", "GET /d/clerk/v1/x y HTTP/1.1\r\nHost: a\r\n\r\n", 400],
  [
    "a strange expectation",
    "POST /d/clerk/v1/x HTTP/1.1\r\nHost: a\r\nExpect: 200-ok\r\nContent-Length: 0\r\n\r\n",
    417,
  ],
  ["17 KiB of headers", `GET /d/clerk/v1/x HTTP/1.1\r\nHost: a\r\nX-Note: ${"a".repeat(17_000)}\r\n\r\n`, 431],
  ["101 headers", `GET /d/clerk/v1/x HTTP/1.1\r\nHost: a\r\n${"X: 1\r\n".repeat(100)}\r\n`, 431],
  ["3000 headers", `GET /d/clerk/v1/x HTTP/1.1\r\nHost: a\r\n${"X:1\r\n".repeat(3000)}\r\n`, 431],
  ["a target of 3000 bytes", `GET /d/clerk/v1/${"a".repeat(3000)} HTTP/1.1\r\nHost: a\r\n\r\n`, 414],
];
for (const [name, bytes, status] of shapes) {
  test(`${name} is refused with a problem document and reaches no gate`, async (t) => {
    const stand = await openStand(t);
    const gate = await stand.gate("clerk");
    const wire = openWire(stand.port, Buffer.from(bytes, "latin1"));
    await eventually("an answer", () => wire.text().includes("\r\n\r\n{"));
    wire.socket.end();
    const text = await wire.closed();
    assert.match(text, new RegExp(`^HTTP/1\\.1 ${status} `));
    assert.match(text, /content-type: application\/problem\+json/i);
    assert.equal(JSON.parse(text.slice(text.indexOf("\r\n\r\n{") + 4)).status, status);
    assert.equal(gate.seen.length, 0);
    await eventually("a record", () => stand.records.length > 0);
    assert.equal(stand.records[0]?.status, status);
  });
}

test("the same raw request without the flaw is served: GET over HTTP/1.1 and HTTP/1.0", async (t) => {
  const stand = await openStand(t);
  const gate = await stand.gate("clerk");
  for (const version of ["1.1", "1.0"]) {
    const wire = openWire(stand.port, `GET /d/clerk/v1/x HTTP/${version}\r\nHost: a\r\nConnection: close\r\n\r\n`);
    assert.match(await wire.closed(), /^HTTP\/1\.1 200 OK\r\n[^]*answered/);
  }
  assert.equal(gate.seen.length, 2);
});

test("a POST without a body is served, however its empty length is written", async (t) => {
  const stand = await openStand(t);
  const gate = await stand.gate("clerk");
  for (const line of ["", "Content-Length: 0\r\n", "Content-Length: 00\r\n"]) {
    const wire = openWire(stand.port, `POST /d/clerk/v1/x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n${line}\r\n`);
    assert.match(await wire.closed(), /^HTTP\/1\.1 200 /);
  }
  assert.deepEqual(
    gate.seen.map(({ headers, whole }) => [headers["content-length"], headers.expect, whole]),
    [1, 2, 3].map(() => ["0", undefined, true]),
  );
});

test("an answer of a gate that is not HTTP, or asks to upgrade, is 502 and no byte of it is passed on", async (t) => {
  const stand = await openStand(t);
  await stand.gate("garbled", (request) => request.socket.end("SSH-2.0-x\r\n"));
  const upgrade = "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\nsecret";
  await stand.gate("upgrader", (request) => request.socket.end(upgrade));
  const two = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n";
  await stand.gate("twofold", (request) => request.socket.end(two));
  await stand.gate("control-byte", (request) =>
    request.socket.end("HTTP/1.1 200 OK\r\nX: a\x01b\r\nContent-Length: 0\r\n\r\n"),
  );
  await stand.gate("strange", (request) => request.socket.end("HTTP/1.1 042 Odd\r\nContent-Length: 0\r\n\r\n"));
  for (const name of ["garbled", "upgrader", "twofold", "control-byte", "strange"]) {
    const answer = await fetch(`${stand.url}/d/${name}/v1/x`);
    assert.equal(answer.status, 502, name);
    assert.equal(((await answer.json()) as Problem).type, "urn:ambit:problem:gate_broken");
  }
});

test("one line of access log per request, without query, header or body in it", async (t) => {
  const stand = await openStand(t);
  await stand.gate("clerk");
  const secret = "ambit_ch_secret";
  const headers = { authorization: `Bearer ${secret}` };
  await (
    await fetch(`${stand.url}/d/clerk/v1/messages?key=${secret}`, { method: "POST", body: secret, headers })
  ).text();
  await (await fetch(`${stand.url}/d/nobody/v1/x%0a?${secret}`)).text();
  await eventually("two records", () => stand.records.length === 2);
  const [passed, refused] = stand.records;
  assert.ok(!JSON.stringify(stand.records).includes(secret));
  const { ts, ms, request, ...rest } = passed ?? assert.fail();
  assert.deepEqual(rest, {
    event: "request",
    client: "127.0.0.1",
    deployment: "clerk",
    user: null,
    method: "POST",
    route: "/d/clerk/v1/messages",
    status: 200,
    bytes: 8,
    reason: null,
    cause: null,
  });
  assert.ok(ms > 0 && request.length === 36 && !Number.isNaN(Date.parse(ts)));
  assert.deepEqual([refused?.status, refused?.deployment, refused?.reason], [400, null, "bad_target"]);
});

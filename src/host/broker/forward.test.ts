// Control `callbacks`, `secrets`: what leaves through a door carries the broker's credential and none of the gate's own, goes
// where the release says and nowhere else, and what comes back has lost what only the broker may say. Longer than 300 lines
// because one kind of request is looked at from both ends.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { connect, type AddressInfo } from "node:net";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { Deployment, type Services } from "./deployment.ts";
import { systemResolve } from "./dial.ts";
import { ask, makeRelease, startTestBroker, startUpstream } from "./fixtures/harness.ts";
import { serveDoor } from "./route.ts";

const key = "erp-secret-value-1234";

test("a request to a server carries the broker's credential and none of the gate's own", async (t) => {
  const up = await startUpstream(t, (_request, response) =>
    response.setHeader("set-cookie", "a=b").setHeader("x-ambit-broker", "refused").end("ok"),
  );
  const broker = await startTestBroker(t, ["clerk"]);
  assert.equal((await broker.put(makeRelease("clerk", up.port))).status, 204);
  await broker.setSecret("clerk", "erp", `${key}\n`);
  const headers = {
    authorization: "Bearer stolen",
    "x-api-key": "stolen",
    cookie: "s=1",
    "x-ambit-thread": "t",
    "proxy-authorization": "x",
    te: "trailers",
    connection: "x-hop",
    "x-hop": "1",
    "x-kept": "yes",
    "accept-encoding": "gzip",
    host: "evil.example",
  };
  const reply = await ask(broker.door("clerk"), `${up.url}/mcp`, { method: "POST", headers, body: "{}" });
  assert.equal(reply.body, "ok");
  assert.equal(reply.headers["x-ambit-broker"], undefined);
  assert.equal(reply.headers["set-cookie"], undefined);
  const [seen] = up.seen;
  assert.equal(seen?.headers.authorization, `Bearer ${key}`);
  assert.equal(seen?.headers.host, `127.0.0.1:${up.port}`);
  assert.equal(seen?.headers["x-kept"], "yes");
  assert.equal(seen?.headers["accept-encoding"], "identity");
  for (const name of ["x-api-key", "cookie", "x-ambit-thread", "proxy-authorization", "te", "x-hop"])
    assert.equal(seen?.headers[name], undefined, name);
});

test("what no rule names is refused before anything is dialled", async (t) => {
  const up = await startUpstream(t, (_request, response) => response.end("ok"));
  const other = await startUpstream(t, (_request, response) => response.end("other"));
  const broker = await startTestBroker(t, ["clerk"]);
  await broker.put(makeRelease("clerk", up.port));
  await broker.setSecret("clerk", "erp", key);
  const refusals = [
    ["GET", `${other.url}/`, "url.scheme"],
    ["GET", `https://127.0.0.1:${other.port}/`, "private_address"],
    ["GET", "https://169.254.169.254/latest", "private_address"],
    ["GET", "https://evil.example/", "host_not_allowed"],
    ["GET", "https://user@evil.example/", "url.userinfo"],
    ["GET", "/mcp", "url.scheme"],
    ["OPTIONS", `${up.url}/mcp`, "method_not_allowed"],
    ["GET", "http://scan.internal/", "url.scheme"],
    ["GET", "https://records.internal/x", "host.internal-name"],
  ] as const;
  for (const [method, url, reason] of refusals) {
    const reply = await ask(broker.door("clerk"), url, { method });
    assert.deepEqual(
      [reply.status, reply.headers["x-ambit-broker"], reply.json?.["word"], reply.json?.["reason"]],
      [403, "refused", "refused", reason],
      url,
    );
  }
  assert.equal(up.seen.length + other.seen.length, 0);
});

test("a path under a listed HOST:PORT that is not the server's own gets no credential", async (t) => {
  const up = await startUpstream(t, (_request, response) => response.end("ok"));
  const broker = await startTestBroker(t, ["clerk"]);
  await broker.put(makeRelease("clerk", up.port));
  await broker.setSecret("clerk", "erp", key);
  await ask(broker.door("clerk"), `${up.url}/mcp?x=1`, { method: "POST", body: "{}" });
  assert.equal(up.seen[0]?.headers.authorization, undefined);
});

test("a credential without a value is refused with the command that sets it", async (t) => {
  const up = await startUpstream(t, (_request, response) => response.end("ok"));
  const broker = await startTestBroker(t, ["clerk"]);
  await broker.put(makeRelease("clerk", up.port));
  const reply = await ask(broker.door("clerk"), `${up.url}/mcp`, { method: "POST", body: "{}" });
  assert.equal(reply.json?.["reason"], "secret_not_set");
  assert.match(String(reply.json?.["message"]), /\.\/ambit secrets set clerk erp/);
  assert.equal(up.seen.length, 0);
});

test("the secret of one deployment is not used for another", async (t) => {
  const up = await startUpstream(t, (_request, response) => response.end("ok"));
  const broker = await startTestBroker(t, ["clerk", "other"]);
  await broker.put(makeRelease("clerk", up.port));
  await broker.put(makeRelease("other", up.port));
  await broker.setSecret("clerk", "erp", key);
  assert.equal((await ask(broker.door("clerk"), `${up.url}/mcp`, { method: "POST", body: "{}" })).status, 200);
  assert.equal(
    (await ask(broker.door("other"), `${up.url}/mcp`, { method: "POST", body: "{}" })).json?.["reason"],
    "secret_not_set",
  );
});

test("an answer that repeats the credential loses it, in headers and across pieces of the body", async (t) => {
  const up = await startUpstream(t, (_request, response) => {
    response.setHeader("x-echo", `key ${key}.`);
    response.write(`before ${key.slice(0, 9)}`);
    setTimeout(() => response.end(`${key.slice(9)} after`), 30);
  });
  const broker = await startTestBroker(t, ["clerk"]);
  await broker.put(makeRelease("clerk", up.port));
  await broker.setSecret("clerk", "erp", key);
  for (const headers of [{}, { "x-ambit-call": "call-0001.1" }]) {
    const reply = await ask(broker.door("clerk"), `${up.url}/mcp`, { method: "POST", headers, body: "{}" });
    assert.equal(reply.body, "before [removed by ambit] after");
    assert.equal(reply.headers["x-echo"], "key [removed by ambit].");
  }
  assert.ok(!JSON.stringify(broker.lines).includes(key));
});

test("a redirect is passed on and never followed", async (t) => {
  const target = await startUpstream(t, (_request, response) => response.end("inside"));
  const up = await startUpstream(t, (_request, response) =>
    response.writeHead(307, { location: `${target.url}/` }).end(),
  );
  const broker = await startTestBroker(t, ["clerk"]);
  await broker.put(makeRelease("clerk", up.port));
  await broker.setSecret("clerk", "erp", key);
  assert.equal((await ask(broker.door("clerk"), `${up.url}/mcp`, { method: "POST", body: "{}" })).status, 307);
  assert.equal(target.seen.length, 0);
});

test("a host that is down is unreachable, one that hangs up is broken, one that babbles is broken", async (t) => {
  const up = await startUpstream(t, (request) => request.socket.destroy());
  const babbler = createServer().on("connection", (socket) => socket.end("SSH-2.0-OpenSSH_9.2\r\n"));
  await new Promise<void>((resolve) => babbler.listen(0, "127.0.0.1", resolve));
  t.after(() => babbler.close());
  const babble = (babbler.address() as { port: number }).port;
  const broker = await startTestBroker(t, ["clerk"]);
  await broker.put(
    makeRelease("clerk", up.port, {
      egress: { allow_internal: [`127.0.0.1:${up.port}`, "127.0.0.1:1", `127.0.0.1:${babble}`] },
    }),
  );
  const word = async (url: string): Promise<unknown> => {
    const reply = await ask(broker.door("clerk"), url);
    return [reply.status, reply.headers["x-ambit-broker"], reply.json?.["reason"]];
  };
  assert.deepEqual(await word("http://127.0.0.1:1/"), [502, "unreachable", "connect_failed"]);
  assert.deepEqual(await word(`${up.url}/x`), [502, "broken", "connection_lost"]);
  assert.deepEqual(await word(`http://127.0.0.1:${babble}/`), [502, "broken", "answer_not_http"]);
});

test("an answer over the cap is not passed on, with or without a length, a smaller one is", async (t) => {
  const cap = 4_194_304;
  const up = await startUpstream(t, (request, response) => {
    if (request.url === "/fits") response.end(Buffer.alloc(cap, 97));
    else if (request.url === "/length") response.end(Buffer.alloc(cap + 1, 97));
    else {
      response.write(Buffer.alloc(cap, 97));
      response.end("b");
    }
  });
  const broker = await startTestBroker(t, ["clerk"]);
  await broker.put(makeRelease("clerk", up.port));
  assert.equal((await ask(broker.door("clerk"), `${up.url}/fits`)).body.length, cap);
  assert.equal((await ask(broker.door("clerk"), `${up.url}/length`)).json?.["word"], "too_large");
  await assert.rejects(ask(broker.door("clerk"), `${up.url}/chunked`));
});

test("a request over the cap is refused and nothing is dialled", async (t) => {
  const up = await startUpstream(t, (_request, response) => response.end("ok"));
  const broker = await startTestBroker(t, ["clerk"]);
  await broker.put(makeRelease("clerk", up.port));
  const send = (size: number): Promise<unknown> =>
    ask(broker.door("clerk"), `${up.url}/x`, { method: "POST", body: Buffer.alloc(size, 97) }).then(
      (reply) => reply.json?.["reason"] ?? reply.body,
    );
  assert.equal(await send(4_194_304), "ok");
  assert.equal(await send(4_194_305), "request_too_large");
  assert.equal(up.seen.length, 1);
});

test("the 65th request under way is refused and the 64 others are answered", async (t) => {
  const waiting: Array<() => void> = [];
  const up = await startUpstream(t, (_request, response) => void waiting.push(() => response.end("ok")));
  const broker = await startTestBroker(t, ["clerk", "other"]);
  await broker.put(makeRelease("clerk", up.port));
  await broker.put(makeRelease("other", up.port));
  const many = Array.from({ length: 64 }, () => ask(broker.door("clerk"), `${up.url}/x`));
  while (waiting.length < 64) await new Promise((resolve) => setTimeout(resolve, 5));
  const extra = await ask(broker.door("clerk"), `${up.url}/x`);
  assert.deepEqual([extra.status, extra.headers["x-ambit-broker"]], [429, "overloaded"]);
  const neighbour = ask(broker.door("other"), `${up.url}/x`);
  while (waiting.length < 65) await new Promise((resolve) => setTimeout(resolve, 5));
  for (const release of waiting) release();
  assert.ok((await Promise.all([...many, neighbour])).every((reply) => reply.body === "ok"));
  const after = ask(broker.door("clerk"), `${up.url}/x`);
  while (waiting.length < 66) await new Promise((resolve) => setTimeout(resolve, 5));
  waiting.at(-1)?.();
  assert.equal((await after).body, "ok");
});

test("CONNECT and Upgrade do not get through the door", async (t) => {
  const up = await startUpstream(t, (_request, response) => response.end("ok"));
  const broker = await startTestBroker(t, ["clerk"]);
  await broker.put(makeRelease("clerk", up.port));
  const raw = (text: string): Promise<string> =>
    new Promise((resolve) => {
      let all = "";
      const socket = connect(broker.door("clerk"), () => socket.write(text));
      socket
        .on("data", (piece) => (all += String(piece)))
        .on("close", () => resolve(all))
        .on("error", () => resolve(all));
      setTimeout(() => socket.destroy(), 300);
    });
  assert.match(await raw(`CONNECT 127.0.0.1:${up.port} HTTP/1.1\r\n\r\n`), /^HTTP\/1.1 405 /);
  const upgrade = await raw(`GET ${up.url}/x HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`);
  assert.match(upgrade, /^HTTP\/1.1 403 [\s\S]*upgrade_refused/);
  assert.equal(up.seen.length, 0);
});

test("a log line of a request names its rule and its end and never its path, query, headers or body", async (t) => {
  const up = await startUpstream(t, (_request, response) => response.end("answer-body"));
  const broker = await startTestBroker(t, ["clerk"]);
  await broker.put(makeRelease("clerk", up.port));
  await ask(broker.door("clerk"), `${up.url}/secret-path?token=secret-query`, {
    method: "POST",
    headers: { authorization: "Bearer secret-header" },
    body: "secret-body",
  });
  await ask(broker.door("clerk"), "https://evil.example/secret-path?token=secret-query");
  const egress = broker.lines.find((line) => line["event"] === "egress");
  assert.deepEqual(
    { ...egress, ts: 0, ms: 0 },
    {
      ts: 0,
      level: "info",
      process: "broker",
      event: "egress",
      deployment: "clerk",
      host: `127.0.0.1:${up.port}`,
      method: "POST",
      rule: "allow_internal",
      status: 200,
      bytes: 11,
      ms: 0,
    },
  );
  const text = JSON.stringify(broker.lines);
  for (const word of ["secret-path", "secret-query", "secret-header", "secret-body", "answer-body"])
    assert.ok(!text.includes(word), word);
});

test("a gate that goes away ends its plain request upstream", async (t) => {
  let isClosed = false;
  const up = await startUpstream(t, (_request, response) =>
    response.on("close", () => (isClosed = true)).write("first"),
  );
  const broker = await startTestBroker(t, ["clerk"]);
  await broker.put(makeRelease("clerk", up.port));
  const socket = connect(broker.door("clerk"), () => socket.write(`GET ${up.url}/x HTTP/1.1\r\n\r\n`));
  await new Promise((resolve) => socket.once("data", resolve));
  socket.destroy();
  for (let tries = 0; !isClosed && tries < 100; tries++) await new Promise((resolve) => setTimeout(resolve, 10));
  assert.ok(isClosed);
});

test("a compressed answer in which a credential could not be found is not passed on; without one it is", async (t) => {
  const up = await startUpstream(t, (_request, response) => {
    const header = up.seen.length === 2 ? "transfer-encoding" : "content-encoding";
    response.writeHead(200, { [header]: header === "transfer-encoding" ? "gzip, chunked" : "gzip" });
    response.end(gzipSync(`your key is ${key}`));
  });
  const broker = await startTestBroker(t, ["clerk"]);
  await broker.put(makeRelease("clerk", up.port));
  await broker.setSecret("clerk", "erp", key);
  for (let index = 0; index < 2; index++) {
    const reply = await ask(broker.door("clerk"), `${up.url}/mcp`, { method: "POST", body: "{}" });
    assert.deepEqual([reply.status, reply.json?.["reason"]], [502, "answer_encoded"]);
  }
  assert.equal((await ask(broker.door("clerk"), `${up.url}/plain`)).headers["content-encoding"], "gzip");
});

test("a gate that leaves what it was sent unread is cut, and its place is given back", async (t) => {
  const up = await startUpstream(t, (_request, response) => {
    const more = (): void => {
      while (response.write(Buffer.alloc(65_536)));
    };
    response.on("drain", more);
    more();
  });
  const services = { resolve: systemResolve, log: () => undefined, secrets: { open: () => null } };
  const deployment = new Deployment("clerk", makeRelease("clerk", up.port), services as unknown as Services);
  t.after(() => deployment.close());
  deployment.limitsFor = () => ({ headersMs: 5000, idleMs: 100, totalMs: 20_000 });
  const door = createServer((request, response) => void serveDoor(deployment, request, response));
  await new Promise<void>((resolve) => door.listen(0, "127.0.0.1", resolve));
  t.after(() => door.close());
  const socket = connect((door.address() as AddressInfo).port, "127.0.0.1").pause();
  t.after(() => socket.destroy());
  socket.write(`GET ${up.url}/x HTTP/1.1\r\nhost: a\r\n\r\n`);
  while (deployment.load.underWay === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  while (deployment.load.underWay > 0) await new Promise((resolve) => setTimeout(resolve, 5));
});

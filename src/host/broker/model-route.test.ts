// Control `secrets`, `callbacks`: `model.internal`, the one name behind which the broker adds the model's key. A gate that was
// taken over wants the key, another path of the provider, or another provider.
import assert from "node:assert/strict";
import { test } from "node:test";
import { ask, makeRelease, startTestBroker, startUpstream } from "./fixtures/harness.ts";

const key = "model-secret-value";

test("a model call gets the key, loses the caller's, and goes to the one path of its provider", async (t) => {
  const up = await startUpstream(t, (_request, response) => response.end('{"id":"x"}'));
  const broker = await startTestBroker(t, ["clerk"]);
  await broker.put(makeRelease("clerk", up.port));
  await broker.setSecret("clerk", "model", key);
  const headers = {
    authorization: "Bearer stolen",
    "x-api-key": "stolen",
    cookie: "a=b",
    "content-type": "application/json",
  };
  const door = broker.door("clerk");
  assert.equal(
    (await ask(door, "http://model.internal/chat/completions", { method: "POST", headers, body: "{}" })).body,
    '{"id":"x"}',
  );
  const [seen] = up.seen;
  assert.deepEqual([seen?.method, seen?.url, seen?.body], ["POST", "/v1/chat/completions", "{}"]);
  assert.deepEqual(
    [seen?.headers.authorization, seen?.headers["x-api-key"], seen?.headers.cookie],
    [`Bearer ${key}`, undefined, undefined],
  );
  for (const [method, path] of [
    ["GET", "/chat/completions"],
    ["POST", "/chat/completions?x=1"],
    ["POST", "/messages"],
    ["POST", "/files"],
    ["POST", "/v1/chat/completions"],
    ["DELETE", "/chat/completions"],
  ] as const) {
    const reply = await ask(door, `http://model.internal${path}`, { method, body: method === "POST" ? "{}" : "" });
    assert.deepEqual([reply.status, reply.json?.["reason"]], [403, "model_path_not_allowed"], `${method} ${path}`);
  }
  assert.equal(
    (await ask(door, "https://model.internal/chat/completions", { method: "POST", body: "{}" })).json?.["reason"],
    "host.internal-name",
  );
  assert.equal(
    (await ask(door, "http://model.internal:81/chat/completions", { method: "POST", body: "{}" })).json?.["reason"],
    "url.scheme",
  );
  assert.equal(up.seen.length, 1);
});

test("an anthropic model gets its key and a version, and a version that was sent is kept", async (t) => {
  const up = await startUpstream(t, (_request, response) => response.end("{}"));
  const broker = await startTestBroker(t, ["clerk"]);
  const model = { provider: "anthropic", base_url: `${up.url}/v1`, name: "m", credential: "secret:model" };
  await broker.put(makeRelease("clerk", up.port, { agent: { instructions: "./x.md", model } }));
  await broker.setSecret("clerk", "model", key);
  for (const headers of [
    { authorization: "Bearer stolen" },
    { "anthropic-version": "2099-01-01", "x-api-key": "stolen" },
  ]) {
    await ask(broker.door("clerk"), "http://model.internal/messages", { method: "POST", headers, body: "{}" });
  }
  const sent = up.seen.map((seen) => [
    seen.url,
    seen.headers["x-api-key"],
    seen.headers.authorization,
    seen.headers["anthropic-version"],
  ]);
  assert.deepEqual(sent, [
    ["/v1/messages", key, undefined, "2023-06-01"],
    ["/v1/messages", key, undefined, "2099-01-01"],
  ]);
});

test("a model without a credential gets none, the caller's neither", async (t) => {
  const up = await startUpstream(t, (_request, response) => response.end("{}"));
  const broker = await startTestBroker(t, ["clerk"]);
  const model = { provider: "openai-compatible", base_url: up.url, name: "m" };
  await broker.put(makeRelease("clerk", up.port, { agent: { instructions: "./x.md", model } }));
  await ask(broker.door("clerk"), "http://model.internal/chat/completions", {
    method: "POST",
    headers: { authorization: "Bearer stolen" },
    body: "{}",
  });
  assert.equal(up.seen[0]?.headers.authorization, undefined);
});

test("a streamed answer arrives piece by piece and one that breaks off is seen to", async (t) => {
  let next = (): void => undefined;
  const up = await startUpstream(t, (request, response) => {
    response.writeHead(200, { "content-type": "text/event-stream" }).write("data: one\n\n");
    next = () => (request.headers["x-break"] === undefined ? response.end("data: two\n\n") : request.socket.destroy());
  });
  const broker = await startTestBroker(t, ["clerk"]);
  await broker.put(makeRelease("clerk", up.port));
  await broker.setSecret("clerk", "model", key);
  const { request } = await import("node:http");
  const stream = (headers: Record<string, string>): Promise<string> =>
    new Promise((resolve, reject) => {
      const outgoing = request({
        socketPath: broker.door("clerk"),
        path: "http://model.internal/chat/completions",
        method: "POST",
        headers,
        agent: false,
      });
      outgoing.on("response", (response) => {
        let text = "";
        // The second piece is sent only once the first has arrived here.
        response.on("data", (piece) => ((text += String(piece)), next()));
        response.on("error", reject).on("end", () => resolve(text));
      });
      outgoing.end("{}");
    });
  assert.equal(await stream({}), "data: one\n\ndata: two\n\n");
  await assert.rejects(stream({ "x-break": "1" }));
});

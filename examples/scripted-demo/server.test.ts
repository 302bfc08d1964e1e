// The scripted model over a real socket: the protocol as a real client reads it, and each fault as a caller meets it.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import type { JsonObject } from "./chat.ts";
import type { RunningScriptedDemo } from "./server.ts";
import { startScriptedDemo } from "./server.ts";
import { requestBody } from "./transcript.ts";

const key = "test-key";
let demo: RunningScriptedDemo;
before(async () => {
  demo = await startScriptedDemo({ port: 0, key });
});
after(() => demo.close());

function post(body: unknown, headers: Record<string, string> = { authorization: `Bearer ${key}` }): Promise<Response> {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return fetch(`${demo.url}/chat/completions`, { method: "POST", headers, body: text });
}

test("the model list has one entry and it is called scripted-demo", async () => {
  const response = await fetch(`${demo.url}/models`, { headers: { authorization: `Bearer ${key}` } });
  const { data } = (await response.json()) as { data: { id: string }[] };
  assert.deepEqual(
    data.map((model) => model.id),
    ["scripted-demo"],
  );
});

const refused: [name: string, status: number, send: () => Promise<Response>][] = [
  ["a request without a key", 401, () => post(requestBody("hi"), {})],
  [
    "a request with the key and one letter more",
    401,
    () => post(requestBody("hi"), { authorization: `Bearer ${key}x` }),
  ],
  ["another model's name", 404, () => post({ ...requestBody("hi"), model: "gpt-5" })],
  ["a body that is not JSON", 400, () => post("{")],
  ["a body without messages", 400, () => post({ model: "scripted-demo" })],
  [
    "another path",
    404,
    () => fetch(`${demo.url}/completions`, { method: "POST", headers: { authorization: `Bearer ${key}` } }),
  ],
  ["a body over 32 MB", 413, () => post(requestBody("x".repeat(33_554_432)))],
];

for (const [name, status, request] of refused) {
  test(`${name} is refused with ${status} and a reason`, async () => {
    const response = await request();
    assert.equal(response.status, status);
    assert.match(((await response.json()) as { error: { message: string } }).error.message, /^scripted-demo: ./);
  });
}

test("without a configured key none is asked for", async () => {
  const open = await startScriptedDemo({ port: 0 });
  try {
    assert.equal((await fetch(`${open.url}/models`)).status, 200);
  } finally {
    await open.close();
  }
});

test("an answer is whole, deterministic, and counts tokens", async () => {
  const texts = await Promise.all([1, 2].map(async () => (await post(requestBody("process msg_1"))).text()));
  assert.equal(texts[0], texts[1]);
  const { choices, usage, model } = JSON.parse(texts[0] ?? "");
  assert.equal(model, "scripted-demo");
  assert.equal(choices[0].finish_reason, "tool_calls");
  assert.equal(choices[0].message.tool_calls[0].function.arguments, '{"id":"msg_1"}');
  assert.ok(usage.prompt_tokens > 10 && usage.completion_tokens > 0);
  assert.equal(usage.total_tokens, usage.prompt_tokens + usage.completion_tokens);
});

function client() {
  return createOpenAICompatible({ name: "demo", baseURL: demo.url, apiKey: key }).chatModel("scripted-demo");
}

const prompt = (text: string) => [{ role: "user" as const, content: [{ type: "text" as const, text }] }];
const inputSchema = { type: "object", properties: { id: { type: "string" } } } as const;
const readMessage = { type: "function" as const, name: "read_message", inputSchema };

test("a real client reads the same call from a whole and from a streamed answer", async () => {
  const whole = await client().doGenerate({ prompt: prompt("process msg_1"), tools: [readMessage] });
  const { stream } = await client().doStream({ prompt: prompt("process msg_1"), tools: [readMessage] });
  const parts = await Array.fromAsync(stream);
  const inWhole = whole.content.filter((part) => part.type === "tool-call");
  const inStream = parts.filter((part) => part.type === "tool-call");
  assert.deepEqual(
    inStream.map((call) => [call.toolCallId, call.toolName, call.input]),
    inWhole.map((call) => [call.toolCallId, call.toolName, call.input]),
  );
  assert.equal(inWhole[0]?.input, '{"id":"msg_1"}');
  const finish = parts.find((part) => part.type === "finish");
  assert.deepEqual(finish?.usage.inputTokens.total, whole.usage.inputTokens.total);
  assert.ok((finish?.usage.inputTokens.total ?? 0) > 0);
});

test("a real client reads streamed text piece by piece", async () => {
  const { stream } = await client().doStream({ prompt: prompt("hello") });
  const parts = await Array.fromAsync(stream);
  const deltas = parts.filter((part) => part.type === "text-delta").map((part) => part.delta);
  assert.ok(deltas.length > 3, `${deltas.length} pieces`);
  assert.match(deltas.join(""), /^Hello\. I am scripted-demo, a scripted model .* group\.$/);
});

test("#huge arrives whole through a stream", async () => {
  const { stream } = await client().doStream({ prompt: prompt("#huge"), tools: [readMessage] });
  const call = (await Array.fromAsync(stream)).find((part) => part.type === "tool-call");
  assert.ok((call?.input.length ?? 0) >= 2_000_000);
});

test("#429 turns a request away twice with Retry-After, then answers, then starts again", async () => {
  const statuses: number[] = [];
  for (let attempt = 0; attempt < 4; attempt += 1) {
    const response = await post(requestBody("#429 hello"));
    statuses.push(response.status);
    if (response.status === 429) assert.equal(response.headers.get("retry-after"), "1");
    await response.arrayBuffer();
  }
  assert.deepEqual(statuses, [429, 429, 200, 429]);
});

test("#500 is always 500", async () => {
  for (let attempt = 0; attempt < 3; attempt += 1) assert.equal((await post(requestBody("#500"))).status, 500);
});

test("#garbage is a 200 that is not JSON", async () => {
  const response = await post(requestBody("#garbage"));
  assert.equal(response.status, 200);
  await assert.rejects(response.json(), SyntaxError);
});

test("#usage reports numbers that cannot be", async () => {
  const { usage } = (await (await post(requestBody("#usage hello"))).json()) as { usage: JsonObject };
  assert.deepEqual(usage, { prompt_tokens: 999_999_999_999, completion_tokens: -42, total_tokens: 3.5 });
});

for (const stream of [false, true]) {
  test(`#cut breaks the connection after half of a ${stream ? "streamed" : "whole"} answer`, async () => {
    const response = await post({ ...requestBody("#cut hello"), stream });
    assert.equal(response.status, 200);
    const promised = Number(response.headers.get("content-length"));
    let got = 0;
    await assert.rejects(async () => {
      for await (const part of response.body ?? []) got += part.length;
    });
    assert.ok(got > 0 && got < promised, `${got} of ${promised} bytes`);
  });
}

test("with a log it writes down what it was asked, cut, and not what it refused to read", async () => {
  const folder = mkdtempSync(join(tmpdir(), "ambit-scripted-"));
  const log = join(folder, "asked.log");
  const own = await startScriptedDemo({ port: 0, log });
  const ask = (body: unknown) =>
    fetch(`${own.url}/chat/completions`, { method: "POST", body: JSON.stringify(body) }).then((one) => one.text());
  await ask(requestBody("hello\nthere"));
  await ask({ model: "scripted-demo" });
  await ask(requestBody("x".repeat(1000)));
  await own.close();
  const lines = readFileSync(log, "utf8").trim().split("\n");
  rmSync(folder, { recursive: true });
  assert.deepEqual(
    lines.map((line) => JSON.parse(line) as unknown),
    [{ asked: "hello\nthere" }, { asked: "x".repeat(300) }],
  );
});

test("#slow does not answer for a while, and a caller who leaves is not waited for", async () => {
  const leaving = AbortSignal.timeout(300);
  const asked = fetch(`${demo.url}/chat/completions`, {
    method: "POST",
    headers: { authorization: `Bearer ${key}` },
    body: JSON.stringify(requestBody("#slow hello")),
    signal: leaving,
  });
  await assert.rejects(asked, { name: "TimeoutError" });
  assert.equal((await post(requestBody("hello"))).status, 200);
});

const program = fileURLToPath(new URL("server.ts", import.meta.url));

test("as a program it says in one line where it listens, and ends on SIGTERM", async () => {
  const child = spawn(process.execPath, [program, "--port", "0"], {
    env: { SCRIPTED_DEMO_KEY: "k" },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [line] = (await once(child.stdout, "data")) as [Buffer];
  const ready = JSON.parse(line.toString()) as { ready: boolean; url: string };
  assert.equal(ready.ready, true);
  assert.equal((await fetch(`${ready.url}/models`)).status, 401);
  assert.equal((await fetch(`${ready.url}/models`, { headers: { authorization: "Bearer k" } })).status, 200);
  child.kill("SIGTERM");
  assert.deepEqual(await once(child, "exit"), [0, null]);
});

for (const [name, args, says] of [
  ["no port", [], /usage: .*--port/],
  ["a port that is none", ["--port", "70000"], /--port 70000: use a whole number from 0 to 65535/],
  ["an unknown option", ["--port", "0", "--fast"], /--fast/],
] as const) {
  test(`with ${name} the program does not start and says why`, async () => {
    const child = spawn(process.execPath, [program, ...args], { stdio: ["ignore", "ignore", "pipe"] });
    const said = await Array.fromAsync(child.stderr as AsyncIterable<Buffer>);
    assert.match(Buffer.concat(said).toString(), says);
    assert.equal(child.exitCode ?? ((await once(child, "exit")) as number[])[0], 1);
  });
}

test("a port in use is named together with the way out", async () => {
  const port = Number(new URL(demo.url).port);
  await assert.rejects(startScriptedDemo({ port }), new RegExp(`port ${port} on 127\\.0\\.0\\.1 is in use: .*--port`));
});

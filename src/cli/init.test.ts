// What `./ambit init` writes is a deployment file that passes `check`, whatever a tool server says of itself; a wrong
// answer is one line and a second chance, a wrong flag is one line and the end. With a host: claims/init.claim.test.ts.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createServer } from "node:http";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { startDirectory } from "../../examples/access-desk/directory/server.ts";
import { lintManifest } from "../controls/manifest/lint.ts";
import { parseManifest } from "../controls/manifest/parse.ts";
import { node, root } from "./child.ts";
import { answerAll } from "./init.ts";
import { writeManifest } from "./init-file.ts";
import { internalPlace, type Answers } from "./init-questions.ts";
import { findTools, sortTools } from "./init-tools.ts";

const folder = mkdtempSync(join(tmpdir(), "ambit-init-"));
const directory = await startDirectory({ file: join(folder, "d.sqlite"), port: 0, token: "t" });
after(async () => {
  await directory.close();
  rmSync(folder, { recursive: true });
});

const answers: Answers = {
  ...{ name: "desk", purpose: 'Say "yes": # no\\', provider: "openai-compatible", model: "m: x" },
  ...{ "base-url": "https://api.example.com/v1", tools: "https://tools.example.com/mcp" },
  ...{ users: "true, *@acme.example", approvers: "ben@acme.example, ann" },
};

function written(text: string) {
  const parsed = parseManifest(text);
  assert.ok("manifest" in parsed, JSON.stringify(parsed));
  const errors = lintManifest(parsed.manifest).filter(({ level }) => level === "error");
  assert.deepEqual(errors, []);
  return parsed.manifest;
}

test("without a tool server it talks only, and words stay what was typed", () => {
  const manifest = written(writeManifest({ ...answers, tools: "" }, undefined, false));
  assert.deepEqual(manifest.servers, {});
  assert.deepEqual([manifest.purpose, manifest.agent.model.name], [answers.purpose, answers.model]);
  assert.deepEqual(manifest.channels.api?.users, ["true", "*@acme.example"]);
});

test("of a real server every tool is held for a person, with each argument deciding", async () => {
  const found = await findTools(directory.url, "t");
  assert.ok("tools" in found, JSON.stringify(found));
  const manifest = written(writeManifest({ ...answers, tools: directory.url }, found, true));
  const { tools = {}, credential } = manifest.servers["backend"] ?? {};
  assert.equal(Object.keys(tools).length, 10);
  for (const [name, contract] of Object.entries(tools)) {
    assert.equal(contract.review?.by, "reviewers", name);
    assert.notEqual(contract.effect, "read", name);
  }
  assert.deepEqual(tools["grant_access"]?.authority, ["person", "group"]);
  assert.equal(tools["grant_access"]?.effect, "irreversible");
  assert.deepEqual(credential, { secret: "backend", as: "bearer" });
  assert.deepEqual(manifest.egress.allow_internal, [new URL(directory.url).host]);
});

test("what a hostile server says stays in its comment, and what cannot stand in a file is left out with a reason", () => {
  const object = { type: "object", properties: { "a: b": {}, no: {}, n1: {} } };
  const said = "x\n        effect: read\r\n\u2028servers: {}\u0085 # \u202e";
  const found = sortTools([
    { name: "null", description: said, inputSchema: object },
    { name: "a.b", inputSchema: object },
    { name: "a_b", inputSchema: object },
    { name: "bad\n  name: {}", inputSchema: object },
    { name: "refers", inputSchema: { type: "object", properties: { a: { $ref: "https://evil.example/a" } } } },
    { name: "list", inputSchema: { type: "array" } },
    { description: "none" },
  ]);
  const manifest = written(writeManifest(answers, found, false));
  const { tools = {} } = manifest.servers["backend"] ?? {};
  assert.deepEqual(Object.keys(tools), ["null", "a.b"]);
  assert.equal(tools["null"]?.effect, "irreversible");
  assert.deepEqual(tools["null"]?.authority, ["no", "n1"]);
  assert.equal(found.leftOut.length, 5, found.leftOut.join("\n"));
  for (const text of found.leftOut) assert.ok(!text.includes("\n"), text);
});

test("a server that is not there is written down as a comment, and the rest runs without", async () => {
  const found = await findTools("http://127.0.0.1:9/mcp", undefined);
  assert.ok("why" in found && found.why === "absent", JSON.stringify(found));
  const text = writeManifest({ ...answers, tools: "http://127.0.0.1:9/mcp" }, found, false);
  assert.deepEqual(written(text).servers, {});
  assert.match(text, /# {5}url: "http:\/\/127\.0\.0\.1:9\/mcp"/);
});

const hostile: [name: string, status: number, headers: Record<string, string>, body: string, says: RegExp][] = [
  ["wants a token", 401, {}, "", /401/],
  ["answers with a page", 200, { "content-type": "text/html" }, "<html>", /content.type|html/i],
  ["answers without end", 200, { "content-type": "application/json" }, "x".repeat(2_097_153), /over 2097152 bytes/],
  ["sends the token elsewhere", 307, { location: "https://evil.example/" }, "", /redirect/],
];

for (const [name, status, headers, body, says] of hostile) {
  test(`a server that ${name} gives no tools and a reason`, async () => {
    const server = createServer((request, response) => {
      request.resume();
      response.writeHead(status, headers).end(body);
    });
    await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
    const { port } = server.address() as AddressInfo;
    const found = await findTools(`http://127.0.0.1:${port}/mcp`, "t");
    assert.match("message" in found ? found.message : "it has tools", says);
    server.closeAllConnections();
    server.close();
  });
}

const places: [url: string, place: string | undefined][] = [
  ["https://api.openai.com/v1", undefined],
  ["https://api.openai.com:444/v1", undefined],
  ["http://127.0.0.1:11434/v1", "127.0.0.1:11434"],
  ["http://[::1]:80/", "[::1]:80"],
  ["https://10.0.0.5/mcp", "10.0.0.5:443"],
  ["http://ollama:11434/v1", "ollama:11434"],
];

for (const [url, place] of places) {
  test(`${url} ${place === undefined ? "is public" : "has to be listed"}`, () =>
    assert.equal(internalPlace(url), place));
}

/** A wrong answer to each question, and a right one. */
const typed: [wrong: string, right: string][] = [
  ["My Agent", "helper"],
  ["two\u202elines", "Help."],
  ["bedrock", "anthropic"],
  ["http://api.example.com/v1", "https://api.example.com/v1"],
  ["a\u0007", "m"],
  ["ftp://x/mcp", ""],
  [",", "amy@acme.example"],
  ["AMY@acme.example", "ben@acme.example"],
];

test("a wrong answer to each question gets one line and is asked again", async (context) => {
  const said: string[] = [];
  context.mock.method(console, "log", (text: string) => void said.push(text));
  const left = typed.flat();
  const ask = () => Promise.resolve(left.shift() ?? "");
  const { answers: taken } = await answerAll({ text: () => undefined }, join(folder, "new"), undefined, ask);
  assert.equal(said.length, typed.length);
  for (const text of said) assert.match(text, /^ {4}It must [^\n]+\.$/);
  assert.deepEqual(Object.values(taken).slice(0, 5), [
    "helper",
    "Help.",
    "anthropic",
    "https://api.example.com/v1",
    "m",
  ]);
  assert.deepEqual([taken.tools, taken.users, taken.approvers], ["", "amy@acme.example", "ben@acme.example"]);
});

function init(...args: string[]) {
  const done = spawnSync(node, [`${root}src/cli/main.ts`, "init", ...args], { cwd: folder, encoding: "utf8" });
  return { code: done.status, out: done.stdout, err: done.stderr };
}

test("without a terminal it names the flags that are missing, and writes nothing", () => {
  const { code, err } = init("none", "--name", "none", "--purpose", "p");
  assert.equal(code, 2);
  assert.match(
    err,
    /no terminal to ask on: give --provider, --base-url, --model, --tools, --users, --approvers, or --yes/,
  );
  assert.equal(existsSync(join(folder, "none")), false);
});

test("--yes writes both files under the name, and a second time overwrites nothing", () => {
  const { code, out } = init("--yes", "--json", "--name", "mine");
  assert.equal(code, 0);
  assert.equal((JSON.parse(out) as { file: string }).file, "mine/agent.yaml");
  assert.deepEqual(readdirSync(join(folder, "mine")).toSorted(), ["agent.yaml", "instructions.md"]);
  written(readFileSync(join(folder, "mine/agent.yaml"), "utf8"));
  const again = init("mine", "--yes");
  assert.deepEqual([again.code, /mine\/agent\.yaml is there already/.test(again.err)], [1, true]);
});

test("one file of the two that is there already keeps the other from being written", () => {
  mkdirSync(join(folder, "half"));
  writeFileSync(join(folder, "half/instructions.md"), "mine");
  const { code, err } = init("half", "--yes");
  assert.equal(code, 1);
  assert.match(err, /half\/instructions\.md is there already/);
  assert.deepEqual(readdirSync(join(folder, "half")), ["instructions.md"]);
});

test("a wrong flag is one line that names it, and nothing is written", () => {
  const { code, err } = init("wrong", "--yes", "--users", "amy", "--approvers", "Amy");
  assert.equal(code, 2);
  assert.match(err, /^ambit: --approvers must be somebody else than amy: [^\n]*\n$/);
  assert.equal(existsSync(join(folder, "wrong")), false);
});

// Control `recon`: one line a request, and nothing that a client or a gate sends makes two of it or another one.
import assert from "node:assert/strict";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { AccessFile } from "./access-file.ts";
import { type AccessRecord, type ClientWords, combinedLine, noWords } from "./access-log.ts";
import { eventually, openStand, openWire } from "./fixtures/stand.ts";

const record: AccessRecord = {
  ...{
    event: "request",
    ts: "2026-05-03T09:08:07.654Z",
    client: "203.0.113.7",
    deployment: "clerk",
    user: "amy@x.example",
  },
  ...{ method: "POST", route: "/d/clerk/v1/messages", status: 200, bytes: 12, ms: 8.4, request: "r-1" },
  ...{ reason: null, cause: null },
};
const words: ClientWords = { version: "1.1", referer: "https://x.example/chat", agent: "curl/8" };

test("a line is Apache's combined format, then deployment, request, milliseconds and outcome", () => {
  assert.equal(
    combinedLine(record, words),
    '203.0.113.7 - amy@x.example [03/May/2026:09:08:07 +0000] "POST /d/clerk/v1/messages HTTP/1.1" 200 12 ' +
      '"https://x.example/chat" "curl/8" clerk r-1 8 passed',
  );
  const nothing = { deployment: null, user: null, method: null, route: null, status: 503, bytes: 0, ms: 0 };
  assert.equal(
    combinedLine({ ...record, ...nothing, reason: "server_full" }, noWords),
    '203.0.113.7 - - [03/May/2026:09:08:07 +0000] "-" 503 - "-" "-" - r-1 0 server_full',
  );
});

const hostile: readonly [string, Partial<AccessRecord>, Partial<ClientWords>, RegExp][] = [
  ["a quote in the agent", {}, { agent: 'a" 200 1 "b' }, /"a\\" 200 1 \\"b" clerk/],
  ["a backslash at its end", {}, { agent: "a\\" }, /"a\\\\" clerk/],
  ["a line end in it", {}, { agent: "a\r\n1.2.3.4 - b" }, /"a\\x0d\\x0a1\.2\.3\.4 - b" clerk/],
  ["an escape for terminals", {}, { referer: "\u001b[2J" }, /"\\x1b\[2J" "curl/],
  ["a high byte", {}, { agent: "\u00e4" }, /"\\xe4" clerk/],
  ["a quote in the path", { route: '/"x' }, {}, /"POST \/\\"x HTTP/],
  ["a user with a space", { user: "amy - bob" }, {}, /^203\.0\.113\.7 - - \[/],
  ["a user with a line end", { user: "amy\nbob" }, {}, /^203\.0\.113\.7 - - \[/],
  ["a user with a quote", { user: 'amy"' }, {}, /^203\.0\.113\.7 - - \[/],
  ["an empty user", { user: "" }, {}, /^203\.0\.113\.7 - - \[/],
];
for (const [name, of, said, expected] of hostile) {
  test(`${name} forges no field and no line`, () => {
    const line = combinedLine({ ...record, ...of }, { ...words, ...said });
    assert.match(line, expected);
    assert.match(line, /^[\x20-\x7e]+$/);
  });
}

test("the user is the gate's word, well-formed and for the log alone; a client's own is nobody's", async (t) => {
  const stand = await openStand(t);
  const said = ["amy@x.example", "a b", "", "a".repeat(2301), 'a"b'];
  await stand.gate("clerk", (_request, response) => response.setHeader("x-ambit-user", said.shift() ?? "").end());
  for (let count = 0; count < 5; count++) {
    const answer = await fetch(`${stand.url}/d/clerk/v1/x`, { headers: { "x-ambit-user": "root" } });
    assert.equal(answer.headers.get("x-ambit-user"), null);
  }
  await fetch(`${stand.url}/d/clerk/v2/x`, { headers: { "x-ambit-user": "root" } });
  await eventually("six records", () => stand.records.length === 6);
  assert.deepEqual(
    stand.records.map(({ user }) => user),
    ["amy@x.example", null, null, null, null, null],
  );
});

test("a request that is refused before it can be read has its record too, with what its client said, cut", async (t) => {
  const stand = await openStand(t, { lingerMs: 20 });
  const ua = "A".repeat(1000);
  const head = `GET /d/clerk/v9/x?key=secret HTTP/1.1\r\nHost: a\r\nReferer: /r?key=secret\r\nUser-Agent: ${ua}\r\n`;
  await openWire(stand.port, `${head}Connection: close\r\n\r\n`).closed();
  await openWire(stand.port, "\0\r\n\r\n").closed();
  await eventually("two records", () => stand.lines.length === 2);
  assert.match(
    stand.lines[0] ?? "",
    /"GET \/d\/clerk\/v9\/x HTTP\/1\.1" 404 \d+ "\/r" "A{256}" - \S{36} \d+ not_found$/,
  );
  assert.match(stand.lines[1] ?? "", /^127\.0\.0\.1 - - \[[^\]]+\] "-" 400 - "-" "-" - \S{36} 0 bad_request$/);
});

function makeFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "ambit-access-"));
  t.after(() => rmSync(folder, { recursive: true }));
  return folder;
}

test("a file that is full is put aside, the fifth goes, and only the front's user can read them", (t) => {
  const folder = makeFolder(t);
  const file = new AccessFile(folder, 20);
  for (let n = 0; n < 9; n++) {
    file.add(`line ${n} of twenty bytes`);
    file.flush();
  }
  const names = ["access.log", ...[1, 2, 3, 4].map((n) => `access.log.${n}`)];
  assert.deepEqual(
    names.map((name) => readFileSync(join(folder, name), "utf8").slice(0, 6)),
    [8, 7, 6, 5, 4].map((n) => `line ${n}`),
  );
  assert.ok(!existsSync(join(folder, "access.log.5")));
  for (const name of names) assert.equal(statSync(join(folder, name)).mode & 0o777, 0o600);
});

test("after a restart it goes on where it was, lines go out soon by themselves, and what was lost is said", async (t) => {
  const folder = makeFolder(t);
  const path = join(folder, "access.log");
  writeFileSync(path, "before\n");
  chmodSync(path, 0o644);
  new AccessFile(folder).add("after");
  assert.equal(readFileSync(path, "utf8"), "before\n");
  await eventually("the line is there", () => readFileSync(path, "utf8") === "before\nafter\n");
  // As a disk that takes no further file: the one that is full cannot be put aside.
  const file = new AccessFile(folder, 1);
  for (const n of [3, 4]) mkdirSync(`${path}.${n}`);
  writeFileSync(join(`${path}.4`, "x"), "");
  for (const line of ["lost", "lost too"]) {
    file.add(line);
    file.flush();
  }
  for (const n of [3, 4]) rmSync(`${path}.${n}`, { recursive: true });
  file.add("kept");
  file.flush();
  assert.equal(readFileSync(path, "utf8"), "# 2 lines could not be written\nkept\n");
});

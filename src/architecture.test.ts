// The table of who may import whom, listen, dial, start a process, open a database and use cryptography. The walls of a
// deployment are processes and sockets; these rows are what keeps code from walking round them, so an attacker would
// like one careless import. Data first, with a reason each; a small engine; then the proof that the engine can fail.
// Unknown means refused: a folder, a package or a Node module without a row here is an error. To widen a row, say why.
// Longer than 300 lines because it is one table and its proof.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { posix } from "node:path";
import { test } from "node:test";

interface SourceFile {
  /** From the repository root, such as `src/gate/turn.ts`. */
  readonly path: string;
  readonly text: string;
}

/** Patterns: a path, a folder ending in `/`, or a path in which `*` stands for anything but a `/`. */
type Patterns = readonly string[];

interface Room {
  readonly files: Patterns;
  /** Files of this repository that it may import (its own are in the list when there are several). */
  readonly imports: Patterns;
  /** Packages it may import; an entry ending in `/` is a whole scope or prefix. */
  readonly packages: Patterns;
  readonly because: string;
}

const words = ["src/boundary.ts", "src/controls/"];
const hostOwn = [...words, "src/host/*.ts"];

/** The first row whose `files` match a file is its row. */
const rooms: readonly Room[] = [
  { files: ["src/boundary.ts"], imports: [], packages: [], because: "the vocabulary depends on nothing" },
  {
    files: ["src/controls.ts", "src/controls/"],
    imports: words,
    packages: ["zod", "yaml", "canonicalize"],
    because: "decisions are pure: they run unchanged in Node and in a Worker",
  },
  {
    files: ["src/gate/worker-cedar.ts"],
    imports: ["src/gate/"],
    packages: ["@cedar-policy/cedar-wasm/web"],
    because: "Cedar is in the gates of deployments that name a policy file, and in no other",
  },
  {
    files: ["src/gate/"],
    imports: [...words, "src/gate/"],
    packages: ["zod", "cloudflare:workers", "@ai-sdk/", "@modelcontextprotocol/client"],
    because: "a gate decides; it holds no key and reaches the world by its one door",
  },
  {
    files: ["src/host/broker/"],
    imports: [...hostOwn, "src/host/broker/"],
    packages: ["zod"],
    because: "the broker holds the keys: no code of another process runs beside them",
  },
  {
    files: ["src/host/front/"],
    imports: [...hostOwn, "src/host/front/"],
    packages: [],
    because: "the front is what strangers talk to: it holds nothing",
  },
  {
    files: ["src/host/supervisor/"],
    imports: [...hostOwn, "src/host/supervisor/"],
    packages: ["zod", "esbuild"],
    because: "the supervisor may be root: it speaks to the others over sockets only",
  },
  { files: ["src/host/*.ts"], imports: hostOwn, packages: [], because: "shared by the processes of a host" },
  {
    files: ["src/admin/"],
    imports: ["src/controls/", "src/host/control-client.ts", "src/admin/"],
    packages: ["zod", "hono", "@hono/node-server"],
    because: "the admin process holds no key and no truth: it asks the supervisor over a socket",
  },
  {
    files: ["src/cli/init-tools.ts"],
    imports: ["src/controls/"],
    packages: ["zod", "@modelcontextprotocol/client"],
    because: "init asks a tool server what it offers, with its person's own rights, before there is a gate that could",
  },
  {
    files: ["src/cli/"],
    imports: [
      ...words,
      "src/host/control-client.ts",
      "src/host/audit-export.ts",
      "src/host/supervisor/places.ts",
      "src/host/supervisor/log-file.ts",
      // Looks as a start would, by the same functions, and starts nothing.
      "src/host/supervisor/doctor.ts",
      "src/cli/",
    ],
    packages: ["zod", "@cedar-policy/cedar-wasm/nodejs"],
    because: "the command line asks a running host, whose places and log files it must know; it is not a second one",
  },
];

const startingVerbs = ["src/cli/demo*.ts", "src/cli/bench*.ts"];

interface Importers {
  readonly file: string;
  readonly by: Patterns;
  readonly because: string;
}

const importers: readonly Importers[] = [
  {
    file: "src/cli/child.ts",
    by: [...startingVerbs, "src/cli/host-process.ts"],
    because: "only these verbs start processes",
  },
  {
    file: "src/host/supervisor/doctor.ts",
    by: ["src/cli/doctor.ts"],
    because: "one verb looks at the machine; the others ask a running host",
  },
];

interface Power {
  readonly modules: Patterns;
  readonly only: Patterns;
  readonly because: string;
}

/** Opens a port of the loopback and closes it at once, to learn that it is free; it never answers. */
const portFinder = "src/cli/free-port.ts";
const hashers = ["audit", "access"].map((name) => `src/controls/${name}/`);

/** Node modules and packages that carry a power. `import type` carries none and is free. */
const powers: readonly Power[] = [
  {
    modules: ["node:https", "node:http2", "node:dns", "node:dns/promises", "node:dgram", "undici"],
    only: ["src/host/broker/"],
    because: "the broker alone dials the network",
  },
  {
    modules: ["node:tls"],
    only: ["src/host/broker/", "src/host/supervisor/inherited.ts"],
    because: "the broker alone dials the network; one file waits until Node has read its certificates",
  },
  {
    modules: ["node:http", "node:net"],
    only: [
      ...["src/host/broker/", "src/host/front/", "src/host/supervisor/", "src/host/control-client.ts"],
      ...["src/admin/flags.ts", "src/admin/serve.ts", "src/admin/health.ts", portFinder],
      ...["src/host/trusted-proxies.ts", "src/admin/otlp.ts"],
    ],
    because:
      "the broker dials the network; the others meet over local sockets; one file reads addresses only; admin hands traces to a literal loopback address",
  },
  {
    modules: ["node:child_process"],
    only: ["src/host/supervisor/", ...startingVerbs, "src/cli/test*.ts", "src/cli/child.ts"],
    because: "the supervisor starts processes, and the verbs that start a supervisor",
  },
  {
    modules: ["node:sqlite"],
    only: [
      ...["src/host/broker/", "src/host/supervisor/", "src/host/front/chain.ts", "src/admin/store.ts"],
      ...["src/admin/*-store.ts", "src/cli/demo*.ts"],
    ],
    because:
      "state has four owners, the front of its chains alone, admin of what can be made again; the demo reads the file of its own example",
  },
  {
    modules: ["node:test", "node:test/reporters"],
    only: ["src/cli/test*.ts"],
    because: "the verb that runs the tests",
  },
  {
    modules: ["node:worker_threads"],
    only: ["src/host/broker/"],
    because: "a record query that does not end is ended with its thread",
  },
  {
    modules: ["node:crypto"],
    only: [...hashers, "src/host/", "src/admin/", "src/cli/"],
    because: "cryptography is read by a reviewer in few places; nonces and salts are arguments elsewhere",
  },
  {
    modules: ["node:fs", "node:fs/promises"],
    only: ["src/host/", "src/admin/", "src/cli/"],
    because: "decisions and gates see no files",
  },
  {
    modules: [
      ...[
        "node:buffer",
        "node:events",
        "node:os",
        "node:path",
        "node:readline",
        "node:readline/promises",
        "node:stream",
      ],
      ...[
        "node:stream/consumers",
        "node:stream/promises",
        "node:timers/promises",
        "node:url",
        "node:util",
        "node:zlib",
      ],
    ],
    only: ["src/host/", "src/admin/", "src/cli/"],
    because: "harmless, but a Worker and a pure decision need none of it",
  },
];

interface Phrase {
  readonly name: string;
  readonly text: RegExp;
  /** Where it may stand. */
  readonly only: Patterns;
  readonly over: Patterns;
  readonly because: string;
}

const phrases: readonly Phrase[] = [
  {
    name: "listens",
    text: /\.listen\(|\bcreate(?:Secure)?Server\(|new (?:\w+\.)?Server\(/,
    only: [
      ...["src/host/front/", "src/host/broker/", "src/host/supervisor/"],
      ...["src/admin/main.ts", "src/admin/serve.ts", "src/admin/health.ts", portFinder],
    ],
    over: ["src/"],
    because: "every listening socket has an owner that decides who may speak",
  },
  {
    name: "dials with a global",
    text: /(?<![\w.#$])fetch\(|globalThis\.fetch\b|new (?:WebSocket|EventSource)\(/,
    only: ["src/gate/", "src/cli/channel-client.ts", "src/cli/init-tools.ts"],
    over: ["src/"],
    because:
      "a gate's fetch ends at its door; the channel client is an end user of the front, init has no host to ask; the rest ask the broker",
  },
  {
    name: "reads a clock, chance, the environment or starts a timer",
    text: /\bDate\.now\(|new Date\(\)|\bMath\.random\(|\bperformance\.now\(|\brandom(?:Bytes|UUID|Int)\(|\bgetRandomValues\(|\bset(?:Timeout|Interval|Immediate)\(|\bprocess\./,
    only: [],
    over: ["src/controls/", "src/controls.ts", "src/boundary.ts"],
    because: "a decision is a function of its arguments, or it cannot be replayed",
  },
  {
    name: "loads code by a name this table cannot read",
    text: /\brequire\(|\beval\(|new Function\(|process\.(?:binding|dlopen|getBuiltinModule)\b|\bimport\((?!\s*["'])/,
    only: ["src/host/supervisor/bundle.ts"],
    over: ["src/"],
    because: "it would walk round every row above; the bundler writes one such word into what it makes",
  },
  {
    name: "has a default export",
    text: /^export default\b|\bas default\b/m,
    only: ["src/gate/worker.ts"],
    over: ["src/"],
    because: "a thing has one name everywhere; the engine asks for the one of a Worker's entry",
  },
  {
    name: "is a barrel",
    text: /^export \*/m,
    only: [],
    over: ["src/"],
    because: "an import names the file that holds it",
  },
];

/** What only tests import: not part of the product, so no row binds it, and no row lets the product import it. */
const testSupport = /\/fixtures\//;
const vagueNames = new Set(["util", "utils", "misc", "types", "index", "helper", "helpers", "common"]);
const lineLimit = 300;
const longReason = /longer than 300 lines because/i;

function matches(path: string, patterns: Patterns): boolean {
  return patterns.some((pattern) => {
    if (pattern.endsWith("/")) return path.startsWith(pattern);
    const parts = pattern.split("*").map((part) => part.replace(/[.\\/+?^$()[\]{}|]/g, "\\$&"));
    return new RegExp(`^${parts.join("[^/]*")}$`).test(path);
  });
}

interface Import {
  /** A path from the repository root, or the name of a package or module. */
  readonly from: string;
  readonly isOwn: boolean;
  readonly isTypeOnly: boolean;
}

/** Reads the raw text, so that nothing can hide in what a cleverer reader would take for a comment or a string. */
function importsOf({ path, text }: SourceFile): Import[] {
  const named =
    /(?:^|;)[ \t]*(?:import|export)\b(\s+type\b)?(?:(?!\b(?:import|export)\b)[^;"'])*?\bfrom\s*["']([^"']+)["']/gm;
  const unnamed = /(?:^|;)[ \t]*import()\s*["']([^"']+)["']|\bimport()\(\s*["']([^"']+)["']/gm;
  return [...text.matchAll(named), ...text.matchAll(unnamed)].map((match) => {
    const from = match[2] ?? match[4] ?? "";
    const isOwn = from.startsWith(".");
    return { from: isOwn ? posix.join(posix.dirname(path), from) : from, isOwn, isTypeOnly: Boolean(match[1]) };
  });
}

function importFault(path: string, room: Room, { from, isOwn, isTypeOnly }: Import): string | undefined {
  if (isOwn) {
    if (testSupport.test(from)) return `imports ${from}: it is for tests`;
    if (!matches(from, room.imports)) return `imports ${from}: ${room.because}`;
    const guard = importers.find(({ file, by }) => file === from && !matches(path, by));
    return guard && `imports ${from}: ${guard.because}`;
  }
  const power = powers.find(({ modules }) => modules.includes(from));
  if (power) return isTypeOnly || matches(path, power.only) ? undefined : `imports ${from}: ${power.because}`;
  if (from.startsWith("node:")) return `imports ${from}: no row names it; add one with its reason, or do without`;
  const allowed = room.packages.some((name) => (name.endsWith("/") ? from.startsWith(name) : from === name));
  return allowed ? undefined : `imports package ${from}: ${room.because}`;
}

function shapeFaults({ path, text }: SourceFile): string[] {
  const faults: string[] = [];
  const vague = path.split(/[/.]/).find((part) => vagueNames.has(part));
  if (vague) faults.push(`is named ${vague}: a name says what a file holds`);
  const lines = text.split("\n").length - 1;
  const [head = ""] = /^(?:(?:\/\/|#!).*\n)*/.exec(text) ?? [];
  if (lines >= lineLimit && !longReason.test(head)) {
    faults.push(
      `has ${lines} lines: split it, or let its first comment say "Longer than ${lineLimit} lines because ..."`,
    );
  }
  return faults;
}

/** Every breach of the table, one line each: the file, what it does, why it may not. */
function findBreaches(files: readonly SourceFile[]): string[] {
  if (files.length === 0) return ["src/ holds no source file: the table was checked against nothing"];
  return files.flatMap((file) => {
    const room = rooms.find(({ files: own }) => matches(file.path, own));
    if (!room) return [`${file.path} stands in no room: add a row to the table, with its reason`];
    const code = file.text.replace(/^[ \t]*(?:\/\/|\/?\*).*$/gm, "");
    const said = phrases.filter(
      ({ text, over, only }) => matches(file.path, over) && !matches(file.path, only) && text.test(code),
    );
    const faults = [
      ...importsOf(file).map((one) => importFault(file.path, room, one)),
      ...said.map(({ name, because }) => `${name}: ${because}`),
      ...shapeFaults(file),
    ];
    return faults.filter((fault) => fault !== undefined).map((fault) => `${file.path} ${fault}`);
  });
}

function readSources(): SourceFile[] {
  const names = readdirSync(import.meta.dirname, { recursive: true, encoding: "utf8" });
  const sources = names.filter((name) => /\.[cm]?[jt]sx?$/.test(name) && !name.endsWith(".test.ts"));
  const read = (name: string) => readFileSync(posix.join(import.meta.dirname, name), "utf8");
  return sources
    .map((name) => ({ path: posix.join("src", name), text: read(name) }))
    .filter(({ path }) => !testSupport.test(path));
}

/** Each permission of the table that no source file makes use of: whatever comes next would have it unasked. */
function findUnused(files: readonly SourceFile[]): string[] {
  const all = files.map((file) => ({ ...file, imports: importsOf(file) }));
  const uses = (by: string, isMeant: (one: Import) => boolean): boolean =>
    all.some(({ path, imports }) => matches(path, [by]) && imports.some(isMeant));
  const ofRooms = rooms.flatMap((room) => {
    const own = all.filter(({ path }) => rooms.find((one) => matches(path, one.files)) === room);
    const has = (isMeant: (one: Import) => boolean): boolean => own.some(({ imports }) => imports.some(isMeant));
    const imported = room.imports.filter((wanted) => !has(({ from, isOwn }) => isOwn && matches(from, [wanted])));
    const packages = room.packages.filter(
      (name) => !has(({ from }) => (name.endsWith("/") ? from.startsWith(name) : from === name)),
    );
    return [...imported, ...packages].map((name) => `${room.files[0]} imports ${name}`);
  });
  const ofFiles = importers.flatMap(({ file, by }) =>
    by.filter((one) => !uses(one, ({ from }) => from === file)).map((one) => `${one} imports ${file}`),
  );
  const ofPowers = powers.flatMap(({ modules, only }) =>
    only.filter((one) => !uses(one, ({ from }) => modules.includes(from))).map((one) => `${one} has ${modules[0]}`),
  );
  const ofPhrases = phrases.flatMap(({ name, text, only }) =>
    only
      .filter((one) => !all.some((file) => matches(file.path, [one]) && text.test(file.text)))
      .map((one) => `${one} ${name}`),
  );
  return [...ofRooms, ...ofFiles, ...ofPowers, ...ofPhrases];
}

test("the table allows nothing that nobody needs any more", () => {
  assert.deepEqual(findUnused(readSources()), []);
  assert.ok(
    findUnused(readSources().filter(({ path }) => path !== "src/host/broker/dial.ts" && path !== "src/cli/bench.ts"))
      .length > 0,
  );
});

test("no source file does what the table does not allow it", () => {
  assert.deepEqual(findBreaches(readSources()), []);
});

test("every source file opens with what it is for", () => {
  const silent = readSources().filter(({ text }) => !/^(?:#!.*\n)?\/\//.test(text));
  assert.deepEqual(
    silent.map(({ path }) => path),
    [],
  );
});

test("a tree without source files is refused", () => {
  assert.match(findBreaches([]).join(), /checked against nothing/);
});

const broker = "src/host/broker/dial.ts";
const front = "src/host/front/server.ts";
const gate = "src/gate/turn.ts";
const rule = "src/controls/limits/rate.ts";
const long = "let x = 1;\n".repeat(lineLimit);

/** Text; the file where it is refused and words of the refusal; the file one step away where it is allowed. */
const twins: ReadonlyArray<readonly [text: string, refused: string, words: RegExp, allowed: string]> = [
  [`import type { Json } from "./boundary.ts";`, "src/boundary.ts", /depends on nothing/, "src/controls.ts"],
  [`import { door } from "../../gate/door.ts";`, rule, /decisions are pure/, "src/gate/tools/mcp.ts"],
  [`import { readFileSync } from "node:fs";`, gate, /see no files/, front],
  [`import { readFileSync } from "fs";\n`, front, /package fs/, "-"],
  [`import { join } from "node:path";`, rule, /harmless/, broker],
  [`import { request } from "node:http";`, "src/cli/status.ts", /local sockets/, "src/host/control-client.ts"],
  [`import { connect } from "node:tls";`, front, /alone dials/, broker],
  [`const { connect } = await import("node:tls");`, "src/host/supervisor/host.ts", /alone dials/, broker],
  [
    `import {\n  spawn,\n  type ChildProcess,\n} from "node:child_process";`,
    broker,
    /starts processes/,
    "src/cli/demo.ts",
  ],
  [`import "node:child_process";`, "src/cli/check.ts", /starts processes/, "src/cli/bench.ts"],
  [
    `import type { ChildProcess } from "node:child_process";\nimport { fork } from "node:child_process";`,
    front,
    /starts/,
    "-",
  ],
  [`import { spawnTied } from "./child.ts";`, "src/cli/check.ts", /start processes/, "src/cli/host-process.ts"],
  [`import { DatabaseSync } from "node:sqlite";`, front, /four owners/, "src/host/supervisor/registry.ts"],
  [`import { createHash } from "node:crypto";`, rule, /few places/, "src/controls/audit/digest.ts"],
  [`import { Worker } from "node:worker_threads";`, "src/host/supervisor/host.ts", /ended with its thread/, broker],
  [`import { Session } from "node:inspector";`, "src/host/supervisor/host.ts", /no row names it/, "-"],
  [`export { open } from "../supervisor/host.ts";`, front, /holds nothing/, "src/host/supervisor/main.ts"],
  [`import type { Call } from "../broker/calls.ts";`, front, /holds nothing/, broker],
  [`import { startHost } from "../host/supervisor/host.ts";`, "src/cli/up.ts", /not a second one/, "-"],
  [`import { seed } from "../../examples/erp/seed.ts";`, "src/cli/demo.ts", /examples\/erp/, "-"],
  [`import { run } from "node:test";`, "src/cli/status.ts", /runs the tests/, "src/cli/test-run.ts"],
  [`import ky from "ky";`, broker, /package ky/, "-"],
  [`import { Hono } from "hono";`, broker, /package hono/, "src/admin/app.ts"],
  [`import { DatabaseSync } from "node:sqlite";`, "src/admin/app.ts", /four owners/, "src/admin/store.ts"],
  [`import { deploy } from "../host/supervisor/deploy.ts";`, "src/admin/app.ts", /no key and no truth/, "-"],
  [`import { z } from "zod";`, "src/boundary.ts", /package zod/, gate],
  [`import { build } from "esbuild";`, gate, /package esbuild/, "src/host/supervisor/bundle.ts"],
  [`server.listen(0);`, "src/cli/up.ts", /owner that decides/, front],
  [`const server = createServer(answer);`, "src/host/control-client.ts", /owner that decides/, front],
  [`const answer = await fetch(url);`, front, /end user/, gate],
  [`const now = Date.now();`, rule, /function of its arguments/, gate],
  [`const made = new Date();`, rule, /function of its arguments/, front],
  [`import { open } from "./fixtures/stand.ts";`, front, /for tests/, "-"],
  [`const a = 1; import { readFileSync } from "node:fs";`, gate, /see no files/, broker],
  [`await import(name);`, "src/cli/main.ts", /cannot read/, "-"],
  [`const fs = process.getBuiltinModule("node:fs");`, gate, /cannot read/, "-"],
  [`export default 1;`, gate, /default export/, "src/gate/worker.ts"],
  [`export * from "./door.ts";`, gate, /barrel/, "-"],
  [long, gate, /has 300 lines/, "-"],
  [`const a = 1;`, "src/gate/tools/utils.ts", /named utils/, "src/gate/tools/usage.ts"],
  [`const a = 1;`, "src/console/home.ts", /stands in no room/, "src/gate/home.ts"],
];

for (const [text, refused, reason, allowed] of twins) {
  test(`refused in ${refused}: ${text.split("\n", 1)[0]}`, () => {
    assert.match(findBreaches([{ path: refused, text }]).join("\n"), reason);
    if (allowed !== "-") assert.deepEqual(findBreaches([{ path: allowed, text }]), []);
  });
}

test("what is harmless is allowed: a type, a comment, a long file that says why, one line less", () => {
  const fine = [
    { path: front, text: `import type { ChildProcess } from "node:child_process";` },
    { path: rule, text: `// Date.now() is the caller's business\n/**\n * never server.listen(0)\n */` },
    { path: gate, text: `// The walk. Longer than 300 lines because it is one table.\n${long}` },
    { path: gate, text: long.slice(long.indexOf("\n") + 1) },
    { path: "src/cli/main.ts", text: `await import("./up.ts");` },
  ];
  assert.deepEqual(findBreaches(fine), []);
});

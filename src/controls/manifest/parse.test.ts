// A deployment file from somebody else's hands: what is refused, where it says so, and that nothing hangs or throws.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseManifest, type FileProblem } from "./parse.ts";
import { maxManifestBytes, type Manifest } from "./schema.ts";

const base = `version: 1
name: payables-clerk
purpose: Pay supplier invoices.
agent:
  instructions: ./instructions.md
  model: { provider: anthropic, base_url: https://api.example/v1, name: m }
`;
const server = (tool: string): string => `${base}servers:
  erp:
    url: https://erp.example/mcp
    tools:
      pay_invoice: ${tool}
`;

function accept(text: string): Manifest {
  const parsed = parseManifest(text);
  if ("problems" in parsed) assert.fail(JSON.stringify(parsed.problems));
  return parsed.manifest;
}

function refuse(text: string): readonly FileProblem[] {
  const parsed = parseManifest(text);
  if ("manifest" in parsed) assert.fail("the file was accepted");
  assert.ok(parsed.problems.length > 0);
  return parsed.problems;
}

/** The first problem as the command line prints it. */
const first = (text: string): string => {
  const [problem] = refuse(text);
  return `${problem?.line}:${problem?.column} ${problem?.field}: ${problem?.message}`;
};

test("the smallest file is accepted, with every default closed or bounded", () => {
  const manifest = accept(base);
  assert.deepEqual(manifest.limits, { tokens_per_turn: 60_000, steps_per_turn: 20, turn_timeout: "10m" });
  assert.deepEqual([manifest.channels, manifest.records, manifest.servers], [{}, {}, {}]);
  assert.deepEqual([manifest.mode, manifest.unattended, manifest.policy], ["enforce", false, undefined]);
  assert.deepEqual([manifest.groups, manifest.approvers], [{}, {}]);
  assert.deepEqual(manifest.egress, { allow: [], allow_internal: [] });
  const tool = accept(server("{ effect: read }")).servers["erp"]?.tools["pay_invoice"];
  assert.deepEqual(tool, {
    effect: "read",
    impact: "none",
    authority: [],
    payload: [],
    bind: {},
    max: {},
    total: {},
    only: {},
    returns: {},
    timeout: "30s",
  });
});

test("the same file as JSON, with its keys in another order, with comments and with a BOM, means the same", () => {
  const manifest = accept(base);
  const json = JSON.stringify(manifest);
  assert.deepEqual(accept(json), manifest);
  assert.deepEqual(accept(JSON.stringify(JSON.parse(json), null, 2)), manifest);
  assert.deepEqual(accept(JSON.stringify(Object.fromEntries(Object.entries(manifest).reverse()))), manifest);
  assert.deepEqual(accept(`\ufeff# a comment\n---\n${base.replaceAll("\n", "\r\n")}`), manifest);
  assert.equal(accept(base.replace("Pay supplier invoices.", '"Pay \\ud83d\\ude00."')).purpose, "Pay \u{1f600}.");
});

/** Text, and the line, column, field and words of its first problem. */
const refused: readonly (readonly [name: string, text: string, said: RegExp])[] = [
  ["a misspelt key", base.replace("purpose", "purpos"), /^1:1 purpose: is missing$/],
  ["an unknown key", `${base}webhooks: x\n`, /^7:1 webhooks: unknown key "webhooks"$/],
  [
    "an unknown key close to a known one",
    `${base}server: {}\n`,
    /^7:1 server: unknown key "server"; did you mean "servers"\?$/,
  ],
  ["a key of the wrong case", `${base}Limits: {}\n`, /^7:1 Limits: unknown key "Limits"; did you mean "limits"\?$/],
  [
    "a nested unknown key",
    server("{ effect: read, athority: [a] }"),
    /^11:36 servers\.erp\.tools\.pay_invoice\.athority: .*did you mean "authority"\?$/,
  ],
  ["a key of the prototype", `${base}constructor: {}\n`, /^7:1 constructor: unknown key "constructor"$/],
  ["__proto__ where names are free", `${base}records:\n  __proto__: {}\n`, /^8:3 : __proto__ cannot be a key$/],
  ["__proto__ at the top", `${base}__proto__: { purpose: x }\n`, /^7:1 : __proto__ cannot be a key$/],
  [
    "__proto__ as a bound argument",
    server("{ effect: read, bind: { __proto__: 1 } }"),
    /^11:44 : __proto__ cannot be a key$/,
  ],
  ["a quoted __proto__ in JSON", `{"version":1,"servers":{"\\u005f_proto__":{}}}`, /: __proto__ cannot be a key$/],
  ["a merge key", `${base}<<: { purpose: x }\n`, /^7:1 <<: unknown key "<<"$/],
  ["a key given twice", `${base}name: other\n`, /^7:1 : the key "name" stands here twice$/],
  [
    "a nested key given twice, in JSON",
    `{"version":1,"agent":{"model":{"name":"a","name":"b"}}}`,
    /^1:43 : the key "name" stands here twice$/,
  ],
  [
    "a tool given twice, the second without its limits",
    `${server("{ effect: irreversible, max: { a: 1 } }")}      pay_invoice: { effect: read }\n`,
    /^12:7 : the key "pay_invoice" stands here twice$/,
  ],
  ["a key that is another one quoted", `${base}"name": other\n`, /^7:1 : the key "name" stands here twice$/],
  ["a key that is a list", `${base}? [a]\n: b\n`, /^7:3 : not valid YAML: .*keys must be strings/],
  ["a key that is an alias", `${base}? *x\n: b\n`, /^7:/],
  ["a missing value", `${base}limits:\n`, /^7:1 limits: expected object, received null$/],
  ["a list for an object", `${base}limits: []\n`, /^7:1 limits: expected object, received array$/],
  ["a list for named things", `${base}servers: []\n`, /^7:1 servers: expected object, received array$/],
  [
    "a number as text",
    `${base}limits: { steps_per_turn: "20" }\n`,
    /^7:11 limits\.steps_per_turn: expected number, received string$/,
  ],
  ["a text as number", base.replace("payables-clerk", "7"), /^2:1 name: expected string, received number$/],
  [
    "a yes that is no yes",
    base.replace("Pay supplier invoices.", "true"),
    /^3:1 purpose: expected string, received boolean$/,
  ],
  ["NaN", `${base}limits: { usd_per_day: .nan }\n`, /^7:11 limits\.usd_per_day: a number from 0, /],
  ["Infinity", server("{ effect: read, max: { a: .inf } }"), /max\.a: a number from 0, /],
  ["a number too large for a double", server("{ effect: read, max: { a: 1e999 } }"), /max\.a: a number from 0, /],
  ["a negative limit", server("{ effect: read, max: { a: -1 } }"), /max\.a: a number from 0, /],
  ["an amount with a currency", server("{ effect: read, max: { a: 5 EUR } }"), /max\.a: a number from 0, .*currency/],
  [
    "an amount in quotes",
    server('{ effect: read, total: { a: { per_day: "5" } } }'),
    /per_day: a number from 0, .*quotes/,
  ],
  ["a budget of 0", `${base}limits: { usd_per_day: 0 }\n`, /usd_per_day: more than 0$/],
  [
    "a rate without its time",
    `${base}limits: { messages_per_user: 20 }\n`,
    /messages_per_user: a rate such as 20\/min/,
  ],
  ["a time without its unit", `${base}limits: { turn_timeout: 10 }\n`, /turn_timeout: a duration such as 30s/],
  ["half a step", `${base}limits: { steps_per_turn: 1.5 }\n`, /steps_per_turn: expected int, received number$/],
  ["no step", `${base}limits: { steps_per_turn: 0 }\n`, /steps_per_turn: Too small/],
  ["a step too many", `${base}limits: { steps_per_turn: 201 }\n`, /steps_per_turn: Too big/],
  ["a bound list", server("{ effect: read, bind: { a: [1] } }"), /bind\.a: a text, a number, true or false$/],
  ["a bound null", server("{ effect: read, bind: { a: null } }"), /bind\.a: a text, a number, true or false$/],
  ["an effect that does not exist", server("{ effect: write }"), /effect: Invalid option/],
  ["no effect", server("{}"), /pay_invoice\.effect: is missing$/],
  ["another version", base.replace("version: 1", "version: 2"), /^1:1 version: expected 1$/],
  ["no version", base.replace("version: 1\n", ""), /^1:1 version: is missing$/],
  ["a version as text", base.replace("version: 1", "version: '1'"), /^1:1 version: expected 1$/],
  ["a bad name", base.replace("payables-clerk", "Payables_Clerk"), /^2:1 name: 2 to 40 lower-case letters/],
  ["a name that is a path", base.replace("payables-clerk", "../x"), /^2:1 name: 2 to 40 lower-case letters/],
  ["a bad name of a server", `${base}servers:\n  ERP: {}\n`, /^8:3 servers\.ERP: bad name: 2 to 40 lower-case letters/],
  ["a number as the name of a server", `${base}servers:\n  12: {}\n`, /^8:3 servers\.12: bad name/],
  [
    "a secret written out",
    server("{ effect: read }").replace("    url:", "    credential: { secret: sk-Live-1234, as: bearer }\n    url:"),
    /secret: the name of a secret, the value never stands here$/,
  ],
  [
    "a model's key written out",
    base.replace("name: m }", "name: m, credential: sk-Live-1234 }"),
    /credential: secret:NAME, the value itself never stands here$/,
  ],
  ["%YAML 1.1, where no is false", `%YAML 1.1\n---\n${base}`, /^1:1 : is read as YAML 1\.2: remove the %YAML line$/],
  ["a tag", base.replace("Pay supplier", "!secret Pay"), /^3:10 : not plain YAML: .*!secret/],
  [
    "a standard tag",
    base.replace("version: 1", "version: !!int '1'"),
    /^1:16 : YAML tags are not used here: remove !!int$/,
  ],
  ["a tag on a map", `${base}limits: !!map {}\n`, /^7:15 : YAML tags are not used here: remove !!map$/],
  ["two documents", `${base}---\n${base}`, /^7:1 : not valid YAML: more than one document in one file$/],
  ["a tab as indentation", "version: 1\nagent:\n\tmodel: x\n", /^3:1 : not valid YAML: Tabs are not allowed/],
  ["an open bracket", `${base}limits: {`, /^7:10 : not valid YAML: /],
  ["an anchor that does not exist", `${base}limits: *x\n`, /^7:9 : \*x has no anchor before it; write the value out$/],
  ["nothing", "", /^0:0 : the file is empty$/],
  ["a comment and nothing else", "# nothing\n", /^0:0 : the file is empty$/],
  ["a text", "hello", /^1:1 : expected object, received string$/],
  ["a list", "- version: 1\n", /^1:1 : expected object, received array$/],
  ["bytes of something else", "\0\u0001\u0002PK\u0003", /^\d+:\d+ : /],
];

for (const [name, text, said] of refused) {
  test(`${name} is refused with its place`, () => assert.match(first(text), said));
}

test("each problem of a file is told, up to twenty, each on its own line", () => {
  const problems = refuse(
    base.replace("purpose", "purpos").replace("instructions", "instruction").replace("version: 1", "version: 3"),
  );
  assert.deepEqual(problems.map(({ line, field }) => `${line} ${field}`).sort(), [
    "1 purpose",
    "1 version",
    "3 purpos",
    "4 agent.instructions",
    "5 agent.instruction",
  ]);
  assert.equal(refuse(base + Array.from({ length: 60 }, (_, at) => `k${at}: 1\n`).join("")).length, 20);
});

test("a file of one byte over the limit is refused, of just the limit accepted", () => {
  const padded = (bytes: number): string => `${base}#${"x".repeat(bytes - base.length - 1)}`;
  accept(padded(maxManifestBytes));
  assert.match(first(padded(maxManifestBytes + 1)), /^0:0 : the file is over 262144 bytes/);
  assert.match(first(`${base}# ${"\u00e4".repeat(maxManifestBytes / 2)}`), /over 262144 bytes/);
  assert.match(first("x".repeat(50_000_000)), /over 262144 bytes/);
});

const keys = (line: (at: number) => string): string => Array.from({ length: 28_000 }, (_, at) => line(at)).join("");
const bomb = ["a: &a [x,x,x,x,x,x,x,x,x]", ..."bcdefgh"].map((line, at, all) =>
  at === 0
    ? line
    : `${line}: &${line} [${new Array<string>(9).fill(`*${at === 1 ? "a" : (all[at - 1] ?? "")}`).join(",")}]`,
);

/** Files within the limit of size that a parser may choke on. */
const heavy: readonly (readonly [name: string, text: string, said: RegExp])[] = [
  ["an alias bomb", bomb.join("\n"), /too many/],
  ["many aliases of one word", `a: &a x\nb: [${"*a,".repeat(60)}]\n`, /too many YAML aliases/],
  ["a map that holds itself", "a: &a { b: *a }\n", /version: is missing/],
  ["a list that holds itself", "&a [*a]\n", /./],
  ["200,000 brackets", "[".repeat(200_000), /nested too deeply/],
  ["200,000 closed brackets", `a: ${"[".repeat(100_000)}${"]".repeat(100_000)}`, /nested too deeply/],
  ["40,000 levels of JSON", `${'{"a":'.repeat(40_000)}1${"}".repeat(40_000)}`, /nested too deeply/],
  ["100,000 dashes", "- ".repeat(100_000), /nested too deeply/],
  ["28,000 keys", `${base}records:\n${keys((at) => ` k${at}:\n`)}`, /records\.k0: expected object/],
  ["28,000 unknown keys", `${base}${keys((at) => `k${at}:\n`)}`, /unknown key "k0"/],
  ["28,000 anchors", `a:\n${keys((at) => ` - &a${at}\n`)}`, /./],
  ["one long key", `${base}"${"k".repeat(1000)}": 1\n`, /unknown key "k{64}\.\.\."$/],
  ["one long line of blanks", `${base}limits: ${" ".repeat(200_000)}{`, /not valid YAML/],
  ["250,000 quotes", `a: ${"'".repeat(250_000)}`, /./],
  ["250,000 colons", ":".repeat(250_000), /./],
  ["70,000 exclamation marks", `a: ${"! ".repeat(70_000)}`, /./],
];

for (const [name, text, said] of heavy) {
  test(`${name} is refused within seconds`, () => {
    const began = process.cpuUsage();
    assert.match(first(text), said);
    const spent = process.cpuUsage(began).user / 1000;
    assert.ok(spent < 4000, `${spent} ms`);
  });
}

test("what a stranger wrote is shown without its control, bidirectional and invisible characters", () => {
  const said = first(`${base}"\\e[2J\\u202eevil\\u200b\\n": 1\n`);
  assert.match(said, /^7:1 /);
  assert.equal(said.search(/[\p{Cc}\u202e\u200b]/u), -1);
  assert.ok(said.includes("[2J"));
});

test("any text is a manifest or a list of problems, never an exception", () => {
  const pieces = fc.constantFrom(
    "version: 1\n",
    "name: ab\n",
    "a: ",
    "- ",
    "{",
    "}",
    "[",
    "]",
    ":",
    "&a ",
    "*a",
    "!t ",
    "'",
    '"',
    "|\n",
    "? ",
    "\t",
    "---\n",
    "%YAML 1.1\n",
    "__proto__: ",
    "<<: ",
    "#",
    ",",
    "\\u0000",
    "\0",
    "\ud800",
  );
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string({ unit: "binary" }),
        fc.array(pieces, { maxLength: 30 }).map((parts) => parts.join("")),
      ),
      (text) => {
        const parsed = parseManifest(text);
        if ("manifest" in parsed) return;
        assert.ok(parsed.problems.length >= 1 && parsed.problems.length <= 20);
        for (const { line, column, message } of parsed.problems) assert.ok(line >= 0 && column >= 0 && message !== "");
      },
    ),
    { numRuns: 600 },
  );
});

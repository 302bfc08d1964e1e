// Overlays from somebody else's hands: what each kind of key may take away, its refused twin that would allow more, and
// that neither a merge nor the order of files can hide growth. Longer than 300 lines because it is one table of twins.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { describeChange, diffAuthority } from "./authority.ts";
import { hashRelease } from "./hash.ts";
import { applyOverlays } from "./overlay.ts";
import { findOverlayFault } from "./overlaid.ts";
import { describeProblem, parseManifest } from "./parse.ts";
import { maxOverlayBytes, type Release } from "./release.ts";
import type { Manifest } from "./schema.ts";

const text = `version: 1
name: clerk
purpose: Pay.
agent:
  instructions: ./instructions.md
  model: { provider: anthropic, base_url: https://api.example/v1, name: m }
mode: observe
limits: { calls_per_user: 20/min, tokens_per_day: 1000, steps_per_turn: 20 }
groups: { money: [fay, gus] }
approvers: { finance: ["group:money"], idle: [fay] }
redeploys: { by: finance }
channels:
  api: { users: ["*@acme.example"], rooms: [desk, lobby] }
  webhook: { users: [amy], secret: hooks }
hosts: [a.example, b.example]
records:
  open: { file: ./erp.sqlite, sql: "select id, note from invoices where t = :t", returns: { note: untrusted } }
  all: { file: ./erp.sqlite, sql: "select 1" }
servers:
  erp:
    url: https://erp.example/mcp
    tools:
      look: { effect: read, authority: [id], payload: [note], returns: { id: record } }
      pay:
        effect: irreversible
        impact: spend
        authority: [iban, cents]
        max: { cents: 500, per_day: 10 }
        total: { cents: { per_day: 900 } }
        only: { iban: [A, B] }
        review: { by: finance, count: 1, expires: 4h }
      grant: { effect: reversible, impact: access, timeout: 30s }
egress: { allow: ["https://x.example/*", "https://y.example/*"], allow_internal: ["127.0.0.1:1"] }
overlays: [./customer.yaml]
`;

function parse(source: string): Manifest {
  const parsed = parseManifest(source);
  assert.ok("manifest" in parsed, JSON.stringify(parsed));
  return parsed.manifest;
}

const base = parse(text);
const overlay = (source: string) => applyOverlays(base, [{ file: "./customer.yaml", text: source }]);
const pay = (key: string): string => `servers: { erp: { tools: { pay: { ${key} } } } }`;
const look = (key: string): string => `servers: { erp: { tools: { look: { ${key} } } } }`;
const grant = (key: string): string => `servers: { erp: { tools: { grant: { ${key} } } } }`;
const api = (key: string): string => `channels: { api: { ${key} } }`;

/** What narrows, the lines it makes, and its twin that would allow more with the key that is named. */
const kinds: readonly (readonly [name: string, narrow: string, lines: readonly string[], wide: string, key: string])[] =
  [
    [
      "a limit",
      "limits: { steps_per_turn: 19 }",
      ["limit steps_per_turn: 20 -> 19"],
      "limits: { steps_per_turn: 21 }",
      "limits.steps_per_turn",
    ],
    [
      "a budget",
      "limits: { tokens_per_day: 999 }",
      ["limit tokens_per_day: 1000 -> 999"],
      "limits: { tokens_per_day: 1001 }",
      "limits.tokens_per_day",
    ],
    [
      "a rate",
      "limits: { calls_per_user: 19/min }",
      ["limit calls_per_user at once: 20 -> 19", "limit calls_per_user over time: 20/min -> 19/min"],
      "limits: { calls_per_user: 100/h }",
      "limits.calls_per_user",
    ],
    [
      "a limit that was not there",
      "limits: { messages_per_user: 9/h }",
      ["limit messages_per_user: 9/h"],
      "limits: { turn_timeout: 11m }",
      "limits.turn_timeout",
    ],
    [
      "people of a role",
      "approvers: { finance: [gus] }",
      ["approver finance: no more fay"],
      "approvers: { finance: [gus, eve] }",
      "approvers.finance",
    ],
    [
      "a role that decides nothing",
      "approvers: { idle: [FAY] }",
      [],
      "approvers: { idle: [fay, eve] }",
      "approvers.idle",
    ],
    [
      "people for a deploy",
      "redeploys: { count: 2 }",
      ["redeploys count: 1 -> 2"],
      "redeploys: { by: idle }",
      "redeploys.by",
    ],
    [
      "users",
      api("users: [amy@acme.example]"),
      ["user api: no more *@acme.example"],
      api("users: [amy@evil.example]"),
      "channels.api.users",
    ],
    ["rooms", api("rooms: [desk]"), ["room api: no more lobby"], api("rooms: [desk, cellar]"), "channels.api.rooms"],
    [
      "workspaces",
      api("workspaces: [w]"),
      ["workspaces api: only w"],
      api('users: ["*@acme.example", bob]'),
      "channels.api.users",
    ],
    [
      "a channel",
      "channels: { webhook: off }",
      ["channel webhook: no more takes messages of amy, signed with secret:hooks"],
      "channels: { webhook: { users: [bob] } }",
      "channels.webhook.users",
    ],
    [
      "host names",
      "hosts: [b.example]",
      ["host name a.example: no more the front serves this deployment there"],
      "hosts: [c.example]",
      "hosts",
    ],
    [
      "a record view",
      "records: { all: off }",
      ["record all: no more reads ./erp.sqlite: select 1"],
      "records: { all: { max_rows: 101 } }",
      "records.all.max_rows",
    ],
    [
      "rows",
      "records: { all: { max_rows: 99 } }",
      ["record rows all: 100 -> 99"],
      "records: { open: { returns: { note: record } } }",
      "records.open.returns.note",
    ],
    [
      "a column",
      "records: { open: { returns: { id: untrusted } } }",
      ["record column open.id: untrusted"],
      "records: { all: { max_rows: 1000 } }",
      "records.all.max_rows",
    ],
    [
      "a parameter",
      "records: { open: { bind: { t: acme } } }",
      ['record parameter open t: always "acme"'],
      look("returns: { name: record }"),
      "servers.erp.tools.look.returns.name",
    ],
    [
      "a tool",
      "servers: { erp: { tools: { grant: off } } }",
      ["tool erp.grant: no more reversible, impact access, asks 1 of anybody but who asked"],
      grant("timeout: 31s"),
      "servers.erp.tools.grant.timeout",
    ],
    [
      "a result",
      look("returns: { id: untrusted }"),
      ["trusted result erp.look id: no more record"],
      look("returns: { note: record }"),
      "servers.erp.tools.look.returns.note",
    ],
    [
      "a bound",
      pay("max: { cents: 499 }"),
      ["bound erp.pay cents: up to 500 -> up to 499"],
      pay("max: { cents: 501 }"),
      "servers.erp.tools.pay.max.cents",
    ],
    [
      "a count",
      pay("max: { per_turn: 1 }"),
      ["bound erp.pay per_turn: up to 1"],
      pay("max: { per_day: 11 }"),
      "servers.erp.tools.pay.max.per_day",
    ],
    [
      "a sum",
      pay("total: { cents: { per_user: 9 } }"),
      ["sum erp.pay cents per_user: up to 9"],
      pay("total: { cents: { per_day: 901 } }"),
      "servers.erp.tools.pay.total.cents.per_day",
    ],
    [
      "values",
      pay("only: { iban: [B] }"),
      ['value erp.pay iban: no more "A"'],
      pay("only: { iban: [A, C] }"),
      "servers.erp.tools.pay.only.iban",
    ],
    [
      "people of a review",
      pay("review: { count: 2 }"),
      ["review erp.pay count: 1 -> 2"],
      pay("review: { by: idle }"),
      "servers.erp.tools.pay.review.by",
    ],
    [
      "the time of a review",
      pay("review: { expires: 1h }"),
      ["review erp.pay expires: 4h -> 1h"],
      pay("review: { expires: 5h }"),
      "servers.erp.tools.pay.review.expires",
    ],
    [
      "a review",
      look("review: { by: finance }"),
      ["review erp.look: 1 of finance, within 4h"],
      grant("review: { by: finance, expires: 1d }"),
      "servers.erp.tools.grant.review",
    ],
    [
      "a role where anybody decided",
      grant("review: { by: finance }"),
      ["review erp.grant by: finance"],
      pay("timeout: 1m"),
      "servers.erp.tools.pay.timeout",
    ],
    [
      "authority",
      look("authority: [id, note], payload: []"),
      [
        "authority argument erp.look note: decides who, where, which or how much",
        "content argument erp.look note: no more is content only",
      ],
      look("authority: []"),
      "servers.erp.tools.look.authority",
    ],
    [
      "content",
      look("payload: []"),
      ["content argument erp.look note: no more is content only"],
      look("payload: [note, more]"),
      "servers.erp.tools.look.payload",
    ],
    [
      "a fixed argument",
      look("bind: { tenant: acme }"),
      ['fixed argument erp.look tenant: always "acme"'],
      pay("authority: [iban]"),
      "servers.erp.tools.pay.authority",
    ],
    [
      "hosts",
      'egress: { allow: ["https://y.example/*"] }',
      ["host https://x.example/*: no more requests may go there"],
      'egress: { allow: ["https://*.example/*"] }',
      "egress.allow",
    ],
    [
      "internal hosts",
      "egress: { allow_internal: [] }",
      ["internal host 127.0.0.1:1: no more requests may go there"],
      'egress: { allow_internal: ["127.0.0.1:1", "127.0.0.1:2"] }',
      "egress.allow_internal",
    ],
    [
      "the mode",
      "mode: enforce",
      ["mode observe: no more what would be refused or held happens all the same"],
      "limits: { steps_per_turn: 200 }",
      "limits.steps_per_turn",
    ],
    [
      "nobody there",
      "unattended: true",
      ["unattended: what would wait for a person is refused"],
      "limits: { tokens_per_turn: 60001 }",
      "limits.tokens_per_turn",
    ],
  ];

for (const [name, narrow, lines, wide, key] of kinds) {
  test(`an overlay narrows ${name}, said exactly`, () => {
    const made = overlay(narrow);
    assert.ok("manifest" in made, JSON.stringify(made));
    assert.deepEqual(made.narrowed[0]?.shrank.map(describeChange), lines);
    const parts = { instructions: "", policy: null, recordFiles: {} };
    const whole = (manifest: Manifest): Release => ({ v: 1, release: "", manifest, ...parts });
    const { grew, changed } = diffAuthority(whole(base), whole(made.manifest));
    assert.deepEqual([grew, changed], [[], []]);
  });
  test(`an overlay that allows more is refused beside ${name}: ${wide}`, () => {
    const made = overlay(wide);
    assert.ok("problems" in made, "it was taken");
    assert.deepEqual(
      made.problems.map(({ field }) => field),
      [key === "egress.allow" && wide.includes("*.") ? "egress.allow.0" : key],
    );
    if (!wide.includes("*.")) assert.match(made.problems[0]?.message ?? "", /can only narrow.*: .* -> .* \(.*\)$/);
  });
}

/** Text of an overlay, and how its first problem reads. */
const refused: readonly (readonly [name: string, source: string, said: RegExp])[] = [
  ["a turned mode", "mode: loose", /^o:1:1: mode: Invalid option/],
  ["an unknown key", "limit: { steps_per_turn: 1 }", /^o:1:1: limit: unknown key "limit"; did you mean "limits"\?$/],
  [
    "a misspelt key of a tool",
    pay("maxx: { cents: 1 }"),
    /^o:1:35: .*pay\.maxx: unknown key "maxx"; did you mean "max"\?$/,
  ],
  ["another effect", pay("effect: read"), /pay\.effect: unknown key "effect": an overlay has only the keys that bound/],
  ["no impact", pay("impact: none"), /unknown key "impact": an overlay/],
  ["another name", "name: other", /^o:1:1: name: unknown key "name"/],
  ["another model", "agent: { model: { name: n } }", /unknown key "agent"/],
  ["another group", "groups: { money: [eve] }", /unknown key "groups"/],
  ["another query", 'records: { open: { sql: "select 2" } }', /open\.sql: unknown key "sql"/],
  ["another address", "servers: { erp: { url: https://evil.example } }", /erp\.url: unknown key "url"/],
  ["another secret", "channels: { webhook: { secret: mine } }", /webhook\.secret: unknown key "secret"/],
  ["an overlay in an overlay", "overlays: [./more.yaml]", /^o:1:1: overlays: an overlay names no overlays/],
  [
    "an unknown tool",
    "servers: { erp: { tools: { pya: off } } }",
    /^o:1:28: .*"pya" does not stand .*did you mean "pay"\?$/,
  ],
  ["an unknown tool with a contract", "servers: { erp: { tools: { new: { timeout: 1s } } } }", /"new" does not stand/],
  ["an unknown server", "servers: { crm: off }", /^o:1:12: servers\.crm: "crm" does not stand/],
  ["an unknown record view", "records: { opne: off }", /did you mean "open"\?$/],
  ["an unknown role", "approvers: { boss: [eve] }", /^o:1:14: approvers\.boss: "boss" does not stand/],
  ["a role by a name of the prototype", "approvers: { constructor: [eve] }", /"constructor" does not stand/],
  ["a role taken away", "approvers: { finance: off }", /approvers\.finance: expected array/],
  ["a limit taken away", "limits: off", /^o:1:1: limits: expected object, received string$/],
  ["a bound taken away", pay("max: { cents: off }"), /max\.cents: a number from 0/],
  ["a bound without a value", pay("max: { cents: null }"), /max\.cents: a number from 0/],
  ["a bound that is a list", pay("max: []"), /pay\.max: expected object, received array$/],
  ["a review without a role", look("review: { count: 2 }"), /look\.review\.by: is missing$/],
  [
    "two keys of which one widens",
    `limits: { steps_per_turn: 1 }\n${pay("max: { cents: 501 }")}`,
    /^o:2:42: .*max\.cents: .*500 -> 501/,
  ],
  ["a key given twice", "mode: enforce\nmode: observe", /^o:2:1: the key "mode" stands here twice$/],
  ["a __proto__", "limits: { __proto__: { steps_per_turn: 99 } }", /__proto__ cannot be a key$/],
  ["broken YAML", "limits: {", /^o:1:10: not valid YAML/],
  ["a tag", "limits: !!map {}", /YAML tags are not used here/],
  ["nothing", "# nothing", /the file is empty$/],
  ["a list", "- mode: enforce", /^o:1:1: expected object, received array$/],
  ["a text", "off", /^o:1:1: expected object, received string$/],
  ["an alias bomb", `a: &a [x]\nb: [${"*a,".repeat(60)}]`, /too many YAML aliases/],
  ["40,000 brackets", "[".repeat(40_000), /nested too deeply/],
  ["a file of one byte too many", `#${"x".repeat(maxOverlayBytes)}`, /the file is over 65536 bytes/],
];

for (const [name, source, said] of refused) {
  test(`an overlay with ${name} is refused with its place`, () => {
    const made = overlay(source);
    assert.ok("problems" in made, "it was taken");
    const [first] = made.problems;
    assert.match(first ? describeProblem("o", first) : "", said);
  });
}

test("overlays apply in order, each to what the one before left, and the one at fault is named", () => {
  const files = (...texts: string[]) => texts.map((source, at) => ({ file: `./${at}.yaml`, text: source }));
  const steps = (most: number) => `limits: { steps_per_turn: ${most} }`;
  const made = applyOverlays(base, files(steps(10), steps(5)));
  assert.ok("manifest" in made);
  assert.equal(made.manifest.limits.steps_per_turn, 5);
  const back = applyOverlays(base, files(steps(5), steps(10)));
  assert.ok("problems" in back);
  assert.deepEqual([back.file, /5 -> 10/.test(back.problems[0]?.message ?? "")], ["./1.yaml", true]);
  const gone = applyOverlays(base, files("servers: { erp: { tools: { pay: off } } }", pay("timeout: 1s")));
  assert.ok("problems" in gone);
  assert.match(gone.problems[0]?.message ?? "", /"pay" does not stand/);
});

test("whatever numbers and people an overlay says, what it makes is never wider", () => {
  const people = fc.subarray(["fay", "gus", "eve", "*@acme.example"], { minLength: 1 });
  const part = fc.record(
    {
      limits: fc.record({ steps_per_turn: fc.integer({ min: 1, max: 40 }) }),
      approvers: fc.record({ finance: people }),
      channels: fc.record({ api: fc.record({ users: people }) }),
      servers: fc.record({
        erp: fc.record({
          tools: fc.record({ pay: fc.record({ max: fc.record({ cents: fc.integer({ min: 0, max: 999 }) }) }) }),
        }),
      }),
    },
    { requiredKeys: [] },
  );
  fc.assert(
    fc.property(part, (value) => {
      const made = overlay(JSON.stringify(value));
      const isWider =
        (value.limits?.steps_per_turn ?? 0) > 20 ||
        (value.approvers?.finance ?? []).some((person) => person !== "fay" && person !== "gus") ||
        (value.channels?.api.users ?? []).some((person) => !person.startsWith("*@")) ||
        (value.servers?.erp.tools.pay.max.cents ?? 0) > 500;
      assert.equal("problems" in made, isWider);
    }),
    { numRuns: 200 },
  );
});

const files = [{ file: "./customer.yaml", text: "limits: { steps_per_turn: 5 }" }];
const narrow = { ...base, limits: { ...base.limits, steps_per_turn: 5 } };
const { overlays: _overlays, ...bare } = base;

/** A release's manifest and overlays, and where the supervisor finds them at fault. */
const releases: readonly (readonly [
  name: string,
  parts: Pick<Release, "manifest" | "overlaid">,
  field: string | undefined,
])[] = [
  ["what base and overlays make", { manifest: narrow, overlaid: { base, files } }, undefined],
  ["no overlays at all", { manifest: bare }, undefined],
  ["the base in place of what they make", { manifest: base, overlaid: { base, files } }, "release.manifest"],
  [
    "one step more than they make",
    { manifest: { ...narrow, limits: { ...narrow.limits, steps_per_turn: 6 } }, overlaid: { base, files } },
    "release.manifest",
  ],
  ["overlays that are named and left out", { manifest: base }, "release.overlaid"],
  ["overlays that nobody names", { manifest: bare, overlaid: { base: bare, files } }, "release.overlaid"],
  [
    "another overlay than is named",
    { manifest: narrow, overlaid: { base, files: [{ file: "./b.yaml", text: "mode: enforce" }] } },
    "release.overlaid",
  ],
  ["an overlay twice", { manifest: narrow, overlaid: { base, files: [...files, ...files] } }, "release.overlaid"],
  [
    "a base that names other overlays",
    { manifest: narrow, overlaid: { base: { ...base, overlays: ["./b.yaml"] }, files } },
    "release.manifest",
  ],
  [
    "an overlay that widens",
    {
      manifest: { ...base, limits: { ...base.limits, steps_per_turn: 21 } },
      overlaid: { base, files: [{ file: "./customer.yaml", text: "limits: { steps_per_turn: 21 }" }] },
    },
    "release.overlaid.files.0",
  ],
];

for (const [name, parts, field] of releases) {
  test(`a release with ${name} is ${field === undefined ? "taken" : `refused at ${field}`}`, () => {
    assert.equal(findOverlayFault(parts)?.field, field);
  });
}

test("the texts of overlays are part of the release's name", () => {
  const of = (source: string): string =>
    hashRelease({
      ...{ v: 1, manifest: narrow, instructions: "", policy: null, recordFiles: {} },
      overlaid: { base, files: [{ file: "./customer.yaml", text: source }] },
    });
  assert.notEqual(of("limits: { steps_per_turn: 5 }"), of("limits: { steps_per_turn: 5 } # since May"));
});

test("more than eight overlays, one twice in another spelling, or one out of the folder are refused", () => {
  const named = (list: string) => parseManifest(text.replace("[./customer.yaml]", list));
  assert.ok("manifest" in named("[a, b, c, d, e, f, g, h]"));
  for (const list of ["[a, b, c, d, e, f, g, h, i]", "[./a, a]", "[b//a, b/./a]", "[../a]", "[/etc/passwd]", "[]"])
    assert.ok("problems" in named(list), list);
});

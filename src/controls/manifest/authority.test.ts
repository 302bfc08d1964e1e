// Edits of the demo's deployment file and what each adds and takes away, word for word; every edit is also made backwards,
// where what grew must be what shrank. The edit by an overlay is one of them. Longer than 300 lines because it is one
// table of edits.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { describeChange, diffAuthority, hashDiff, type AuthorityDiff } from "./authority.ts";
import { hashRelease } from "./hash.ts";
import { applyOverlays } from "./overlay.ts";
import { parseManifest } from "./parse.ts";
import type { Release } from "./release.ts";

const demo = readFileSync(new URL("../../../examples/payables-clerk/agent.yaml", import.meta.url), "utf8");

type Edit = readonly [find: string, replace: string];

function release(edits: readonly Edit[], more: Partial<Pick<Release, "instructions" | "policy">> = {}): Release {
  const text = edits.reduce((file, [find, replace]) => {
    assert.ok(file.includes(find), find);
    return file.replace(find, replace);
  }, demo);
  const parsed = parseManifest(text);
  assert.ok("manifest" in parsed, JSON.stringify(parsed));
  const { manifest } = parsed;
  const recordFiles = Object.fromEntries(Object.keys(manifest.records).map((view) => [view, `/erp/${view}`]));
  const parts = { v: 1 as const, manifest, instructions: "Pay.", policy: null, recordFiles, ...more };
  return { ...parts, release: hashRelease(parts) };
}

function words({ grew, shrank, changed }: AuthorityDiff): string[] {
  const say = (sign: string, changes: AuthorityDiff["grew"]) =>
    changes.map((change) => `${sign} ${describeChange(change)}`);
  return [...say("+", grew), ...say("-", shrank), ...say("~", changed)];
}

const policy = (text: string) => ({ policy: text });
const egress: Edit = ["egress:\n", 'egress:\n  allow: ["https://api.example/v1/*"]\n'];
const mailPayload = "        payload: [subject, body]\n        bind: { tenant: acme }\n";
const review = "        review: { by: finance, count: 1, expires: 4h }\n        returns: { payment_id";

/** What is edited, and what the edit adds (`+`), takes away (`-`) or only changes (`~`). */
const rows: readonly (readonly [name: string, edits: readonly Edit[], lines: readonly string[]])[] = [
  [
    "a further tool",
    [["      list_inbox:", "      pay_all:\n        { effect: outward }\n      list_inbox:"]],
    ["+ tool erp.pay_all: outward, asks nobody"],
  ],
  [
    "a host name",
    [["channels:", "hosts: [clerk.example.com]\nchannels:"]],
    ["+ host name clerk.example.com: the front serves this deployment there"],
  ],
  [
    "a stronger effect",
    [["        effect: outward\n", "        effect: irreversible\n"]],
    ["+ effect erp.send_mail: outward -> irreversible"],
  ],
  [
    "an effect that needs no person any more",
    [
      ["        effect: irreversible\n        impact: spend\n", "        effect: read\n"],
      [review, "        returns: { payment_id"],
    ],
    [
      "+ review erp.pay_invoice: no more 1 of finance, within 4h",
      "- effect erp.pay_invoice: irreversible -> read",
      "- impact erp.pay_invoice: no more spend",
    ],
  ],
  [
    "another impact",
    [["impact: spend", "impact: access"]],
    ["+ impact erp.pay_invoice: access", "- impact erp.pay_invoice: no more spend"],
  ],
  [
    "a higher bound",
    [["amount_cents: 500000", "amount_cents: 1000000"]],
    ["+ bound erp.pay_invoice amount_cents: up to 500000 -> up to 1000000"],
  ],
  ["a bound that goes", [[", per_day: 100", ""]], ["+ bound erp.pay_invoice per_day: no more up to 100"]],
  [
    "a fixed argument that goes",
    [[mailPayload, "        payload: [subject, body]\n"]],
    ['+ fixed argument erp.send_mail tenant: no more always "acme"'],
  ],
  [
    "fewer values",
    [[mailPayload, `${mailPayload}        only: { to: [a, b] }\n`]],
    ['- only erp.send_mail to: "a" or "b"'],
  ],
  ["a further host", [egress], ["+ host https://api.example/v1/*: requests may go there"]],
  [
    "a further internal host",
    [['"127.0.0.1:7411", ', '"127.0.0.1:7411", "127.0.0.1:22", ']],
    ["+ internal host 127.0.0.1:22: requests may go there"],
  ],
  [
    "another model host",
    [["http://127.0.0.1:7412/v1", "https://other.example/v1"]],
    [
      "+ model https://other.example/v1: is asked, as openai-compatible",
      "+ secret model: added for model https://other.example/v1",
      "- model http://127.0.0.1:7412/v1: no more is asked, as openai-compatible",
      "- secret model: no more added for model http://127.0.0.1:7412/v1",
    ],
  ],
  ["another model name", [["name: scripted-demo", "name: other"]], ["~ model name: scripted-demo -> other"]],
  [
    "a further record view",
    [["records:\n", 'records:\n  all: { file: ./erp.sqlite, sql: "select 1" }\n']],
    ["+ record all: reads /erp/all: select 1"],
  ],
  [
    "a wider query",
    [[" and status = 'open'", ""]],
    [
      "+ record query open_invoices: select id, supplier_id, amount_cents, note from invoices where tenant = :tenant order by id",
      "- record query open_invoices: no more select id, supplier_id, amount_cents, note from invoices where tenant = :tenant and status = 'open' order by id",
    ],
  ],
  [
    "a column that is trusted now",
    [["amount_cents: record, note: untrusted }", "amount_cents: record }"]],
    ["+ record column open_invoices.note: no more untrusted"],
  ],
  [
    "a result that is trusted now",
    [["note: untrusted # copied", "note: record # copied"]],
    ["+ trusted result erp.get_invoice note: record"],
  ],
  [
    "a secret that goes",
    [["    credential: { secret: erp, as: bearer }\n", ""]],
    ["- secret erp: no more added for server erp at http://127.0.0.1:7411/mcp"],
  ],
  ["a higher limit", [["steps_per_turn: 20", "steps_per_turn: 30"]], ["+ limit steps_per_turn: 20 -> 30"]],
  [
    "a rate where there was none",
    [["  steps_per_turn", "  calls_per_user: 5/min\n  steps_per_turn"]],
    ["- limit calls_per_user: 5/min"],
  ],
  [
    "a longer turn, in other words",
    [["turn_timeout: 10m", "turn_timeout: 601s"]],
    ["+ limit turn_timeout: 10m -> 601s"],
  ],
  [
    "a further approver",
    [["controller@acme.example]", "controller@acme.example, eve@acme.example]"]],
    ["+ approver finance: eve@acme.example"],
  ],
  [
    "one approver more that is needed",
    [["finance, count: 1", "finance, count: 2"]],
    ["- review erp.pay_invoice count: 1 -> 2"],
  ],
  [
    "another domain that may speak",
    [['["*@acme.example"]', '["*@acme.example", "*@evil.example"]']],
    ["+ user api: *@evil.example"],
  ],
  ["rooms where there were none", [['["*@acme.example"]', '["*@acme.example"], rooms: [a]']], ["- rooms api: only a"]],
  [
    "webhooks",
    [
      [
        'api: { users: ["*@acme.example"] }',
        'api: { users: ["*@acme.example"] }\n  webhook: { users: [amy], secret: hooks }',
      ],
    ],
    ["+ channel webhook: takes messages of amy, signed with secret:hooks"],
  ],
  [
    "no channel",
    [['  api: { users: ["*@acme.example"] }', "  {}"]],
    ["- channel api: no more takes messages of *@acme.example"],
  ],
  [
    "observing only",
    [["purpose:", "mode: observe\npurpose:"]],
    ["+ mode observe: what would be refused or held happens all the same"],
  ],
  [
    "nobody there",
    [["purpose:", "unattended: true\npurpose:"]],
    ["- unattended: what would wait for a person is refused"],
  ],
  [
    "a second person for deploys",
    [["channels:", "redeploys: { by: finance }\nchannels:"]],
    ["- redeploys: growth needs 1 of finance"],
  ],
  [
    "a tool under another name",
    [["      send_mail:", "      write_mail:"]],
    [
      "+ tool erp.write_mail: outward, impact customer, asks 1 of finance",
      "- tool erp.send_mail: no more outward, impact customer, asks 1 of finance",
    ],
  ],
  [
    "a review where nobody was asked",
    [
      [
        "        effect: read\n        authority: [id]\n        # Whoever",
        "        effect: read\n        review: { by: finance }\n        authority: [id]\n        # Whoever",
      ],
    ],
    ["- review erp.read_message: 1 of finance, within 4h"],
  ],
  // No authority in any of these.
  ["another purpose", [["Pay supplier invoices", "Look at invoices"]], []],
  [
    "tools in another order",
    [
      ["[id]\n        # Whoever can send us a mail writes these.\n", "[id]\n"],
      ["max: { amount_cents: 500000, per_day: 100 }", "max: { per_day: 100, amount_cents: 500000 }"],
    ],
    [],
  ],
  ["authority in another order", [["[invoice_id, iban, amount_cents]", "[amount_cents, iban, invoice_id]"]], []],
  ["the same limit in other words", [["turn_timeout: 10m", "turn_timeout: 600s"]], []],
  ["a person whom a domain names already", [['["*@acme.example"]', '["*@acme.example", "Amy@ACME.example"]']], []],
  [
    "approvers through a group",
    [
      [
        "approvers:\n  finance: [finance@acme.example, controller@acme.example]",
        "groups:\n  money: [controller@acme.example, finance@acme.example]\napprovers:\n  finance: [group:money]",
      ],
    ],
    [],
  ],
  ["a role that decides nothing", [["approvers:\n", "approvers:\n  idle: [eve]\n"]], []],
];

const turned: Readonly<Record<string, string>> = { "+": "-", "-": "+", "~": "~" };

for (const [name, edits, lines] of rows) {
  test(`${name}: ${lines.length === 0 ? "silent" : "said exactly, and backwards the other way round"}`, () => {
    const [before, after] = [release([]), release(edits)];
    const there = diffAuthority(before, after);
    assert.deepEqual(words(there), lines);
    const back = diffAuthority(after, before);
    assert.deepEqual(
      [there.grew, there.shrank, there.changed].map((list) => list.map(({ kind, subject }) => [kind, subject])),
      [back.shrank, back.grew, back.changed].map((list) => list.map(({ kind, subject }) => [kind, subject])),
    );
    assert.equal(words(back).length, lines.length);
    assert.deepEqual(
      words(back)
        .map(([sign]) => turned[sign ?? ""])
        .sort(),
      lines.map(([sign]) => sign).sort(),
    );
  });
}

test("an overlay: said exactly as what it takes away, and taken away itself it is growth", () => {
  const plain = release([]);
  const base = release([["egress:\n", "overlays: [./customer.yaml]\negress:\n"]]);
  assert.deepEqual(words(diffAuthority(plain, base)), [], "its name alone is silent");
  const text = `limits: { steps_per_turn: 5 }
channels: { api: { users: [amy@acme.example], rooms: [desk] } }
records: { open_invoices: off }
servers: { erp: { tools: { send_mail: off, pay_invoice: { max: { amount_cents: 1000 } } } } }
`;
  const made = applyOverlays(base.manifest, [{ file: "./customer.yaml", text }]);
  assert.ok("manifest" in made, JSON.stringify(made));
  const after = { ...base, manifest: made.manifest };
  const sql =
    "select id, supplier_id, amount_cents, note from invoices where tenant = :tenant and status = 'open' order by id";
  assert.deepEqual(words(diffAuthority(plain, after)), [
    "- bound erp.pay_invoice amount_cents: up to 500000 -> up to 1000",
    "- limit steps_per_turn: 20 -> 5",
    `- record open_invoices: no more reads /erp/open_invoices: ${sql}`,
    "- rooms api: only desk",
    "- tool erp.send_mail: no more outward, impact customer, asks 1 of finance",
    "- user api: no more *@acme.example",
  ]);
  const back = diffAuthority(after, plain);
  assert.deepEqual([back.grew.length, back.shrank, back.changed], [6, [], []]);
});

test("a person of a domain that was listed is no growth, of another domain, or for another role, one is", () => {
  const speakers = (list: string): Release => release([['["*@acme.example"]', `[${list}]`]]);
  const from = speakers('"*@acme.example"');
  assert.deepEqual(words(diffAuthority(from, speakers("Amy@ACME.example"))), ["- user api: no more *@acme.example"]);
  for (const other of ["amy@sub.acme.example", "amy@acme.example.evil", "amy", "a@b@acme.example"])
    assert.equal(diffAuthority(from, speakers(other)).grew.length, 1, other);
  const approver = release([["[finance@acme.example, ", "[amy@acme.example, finance@acme.example, "]]);
  assert.deepEqual(words(diffAuthority(from, approver)), ["+ approver finance: amy@acme.example"]);
});

test("where anybody could decide, a role is fewer; another role instead of one is growth", () => {
  const usual = release([[review, "        returns: { payment_id"]]);
  assert.deepEqual(words(diffAuthority(usual, release([]))), ["- review erp.pay_invoice by: finance"]);
  const roles: Edit = ["approvers:\n", "approvers:\n  boss: [controller@acme.example]\n"];
  const boss = release([roles, [review, review.replace("finance", "boss")]]);
  assert.deepEqual(words(diffAuthority(release([]), boss)), [
    "+ approver boss: controller@acme.example",
    "+ review erp.pay_invoice by: no more finance",
    "- approver finance: no more controller@acme.example",
    "- approver finance: no more finance@acme.example",
    "- review erp.pay_invoice by: boss",
  ]);
});

test("webhooks that another secret signs, or that speak for more, are growth", () => {
  const webhook = (users: string, secret: string): Release =>
    release([["channels:\n", `channels:\n  webhook: { users: [${users}], secret: ${secret} }\n`]]);
  const from = webhook("amy", "hooks");
  assert.deepEqual(words(diffAuthority(from, webhook("amy", "others"))), [
    "+ signature webhook: of whoever holds secret:others",
    "- signature webhook: no more of whoever holds secret:hooks",
  ]);
  assert.deepEqual(words(diffAuthority(from, webhook("amy, bob", "hooks"))), ["+ user webhook: bob"]);
});

test("a group that grows is growth where it is used, and renamed equally it is silent", () => {
  const group = (name: string, people: string): Release =>
    release([
      ["approvers:", `groups:\n  ${name}: [${people}]\napprovers:`],
      ["[finance@acme.example, controller@acme.example]", `["group:${name}"]`],
    ]);
  assert.deepEqual(words(diffAuthority(group("money", "fay"), group("money", "fay, eve"))), [
    "+ approver finance: eve",
  ]);
  assert.deepEqual(words(diffAuthority(group("money", "fay"), group("cash", "fay"))), []);
});

test("redeploys that go, or need fewer people, are growth", () => {
  const with_ = (line: string) => release([["channels:", `${line}\nchannels:`]]);
  const two = with_("redeploys: { by: finance, count: 2 }");
  assert.deepEqual(words(diffAuthority(two, release([]))), ["+ redeploys: no more growth needs 2 of finance"]);
  const one = with_("redeploys: { by: finance }");
  assert.deepEqual(words(diffAuthority(two, one)), ["+ redeploys count: 2 -> 1"]);
});

test("other instructions steer and grant nothing; other policies cannot be compared, so they grow", () => {
  const one = release([], policy("forbid (principal, action, resource);"));
  const kinds = ({ grew, shrank, changed }: AuthorityDiff) =>
    [grew, shrank, changed].map((list) => list.map(({ kind }) => kind));
  assert.deepEqual(kinds(diffAuthority(release([]), release([], { instructions: "Pay all." }))), [
    [],
    [],
    ["instructions"],
  ]);
  assert.deepEqual(
    kinds(diffAuthority(one, release([], policy("forbid (principal, action, resource) when { false };")))),
    [["policy"], ["policy"], []],
  );
  assert.deepEqual(kinds(diffAuthority(one, release([]))), [["policy"], [], []]);
});

test("a rate is compared by its burst and by its pace", () => {
  const rate = (value: string) => release([["  steps_per_turn", `  calls_per_user: ${value}\n  steps_per_turn`]]);
  assert.deepEqual(words(diffAuthority(rate("20/min"), rate("1200/h"))), [
    "+ limit calls_per_user at once: 20 -> 1200",
  ]);
  assert.deepEqual(words(diffAuthority(rate("20/min"), rate("100/h"))), [
    "+ limit calls_per_user at once: 20 -> 100",
    "- limit calls_per_user over time: 20/min -> 100/h",
  ]);
});

test("a key that nothing here knows is growth, groups in it by their people", () => {
  const add = (people: string): Release => {
    const known = release([["approvers:", `groups: { gg: [${people}] }\napprovers:`]]);
    const manifest = { ...known.manifest, tunnels: { users: ["group:gg"] } };
    return { ...known, manifest };
  };
  assert.deepEqual(words(diffAuthority(release([]), add("amy"))), ['+ file tunnels: {"users":["amy"]}']);
  assert.equal(diffAuthority(add("amy"), add("amy, bob")).grew.length, 1);
});

test("of any two of these files the difference is the mirror of the other way round, and none of a file with itself", () => {
  const all = rows.map(([, edits]) => release(edits));
  const bare = (list: AuthorityDiff["grew"]) =>
    list.map(({ kind, subject, before, after }) => [kind, subject, before, after]);
  const mirrored = (list: AuthorityDiff["grew"]) =>
    list.map(({ kind, subject, before, after }) => [kind, subject, after, before]);
  const sorted = (list: unknown[][]) => list.map((row) => JSON.stringify(row)).sort();
  for (const one of all) {
    assert.deepEqual(words(diffAuthority(one, structuredClone(one))), []);
    for (const other of all) {
      const [there, back] = [diffAuthority(one, other), diffAuthority(other, one)];
      assert.deepEqual(sorted(bare(there.grew)), sorted(mirrored(back.shrank)));
      assert.deepEqual(sorted(bare(there.shrank)), sorted(mirrored(back.grew)));
      assert.deepEqual(sorted(bare(there.changed)), sorted(mirrored(back.changed)));
    }
  }
});

test("what is accepted is one difference of two releases: any other has another hash", () => {
  const [a, b, c] = [release([]), release([egress]), release([["impact: spend", "impact: access"]])];
  const hash = (from: Release, to: Release): string => hashDiff(from.release, to.release, diffAuthority(from, to));
  assert.equal(hash(a, b), hash(a, structuredClone(b)));
  assert.equal(new Set([hash(a, b), hash(b, a), hash(a, c), hashDiff(null, b.release, diffAuthority(a, b))]).size, 4);
});

// Control `audit`: an export is taken out of a host whose writers do not all answer as they should.
import assert from "node:assert/strict";
import { test } from "node:test";
import { chainId, genesis, writers, type Standing, type Writer } from "../controls/audit/chain.ts";
import { linkAfter, type Link } from "../controls/audit/entry.ts";
import { keyOf } from "../controls/audit/fixtures/sealed-export.ts";
import { sealText } from "../controls/audit/seal.ts";
import type { SealRequest, Standings } from "../controls/wire/audit.ts";
import { CommandError } from "../cli/arguments.ts";
import { exportLines, type AskHost } from "./audit-export.ts";
import { verifyChunks } from "../cli/audit.ts";

const { key, sign } = keyOf(1);
const exported = "2026-05-03T10:00:00.000Z";

/** Three entries of each chain, all of them known to the broker; `answer` stands in for the gate's own. */
function hostWith(answer: ((after: number) => unknown) | null): AskHost {
  const chains = new Map<Writer, Link[]>();
  for (const writer of writers) {
    const links: Link[] = [];
    let standing: Standing = genesis(chainId("clerk", writer));
    for (let count = 0; count < 3; count++) {
      const link = linkAfter(standing, { v: 1, at: exported, event: "x", detail: {} });
      links.push(link);
      ({ standing } = link);
    }
    chains.set(writer, links);
  }
  const witness = Object.fromEntries([...chains].map(([writer, links]) => [writer, links.at(-1)?.standing]));
  return (_method, path, body) => {
    const [, named = "", after = "0"] = /(admin|broker|front|control\/audit)\?after=(\d+)$/.exec(path) ?? [];
    if (path.endsWith("/seal")) {
      const seal = { ...(body as SealRequest), v: 1 as const, kind: "seal" as const, deployment: "clerk", key };
      const signed = { ...seal, witness: witness as Standings };
      return Promise.resolve({ ...signed, signature: sign(sealText(signed)) });
    }
    const writer = writers.find((one) => one === named) ?? "gate";
    if (writer === "gate" && answer !== null) return Promise.resolve().then(() => answer(Number(after)));
    const entries = (chains.get(writer) ?? []).slice(Number(after));
    const views = entries.map(({ text, standing }) => ({ entry: JSON.parse(text) as unknown, head: standing.head }));
    return Promise.resolve({ entries: views, signatures: [] });
  };
}

async function take(ask: AskHost): Promise<{ lost: string[]; verdict: string; counts: Record<string, number> }> {
  const lost: string[] = [];
  const onLost = (writer: Writer, why: string): void => void lost.push(`${writer}: ${why}`);
  const lines = await Array.fromAsync(exportLines(ask, "clerk", key, undefined, exported, onLost));
  const judged = await verifyChunks([Buffer.from(lines.map((line) => `${line}\n`).join(""))], key);
  const { place } = judged.ok ? { place: undefined } : judged.fault;
  const counts = Object.fromEntries(
    writers.map((writer) => [writer, lines.filter((line) => line.startsWith(`{"chain":"${writer}"`)).length]),
  );
  return { lost, verdict: judged.ok ? "whole" : `${judged.fault.kind} ${place?.chain} ${place?.seq}`, counts };
}

test("all four chains are in an export of a host whose writers answer", async () => {
  const { lost, verdict, counts } = await take(hostWith(null));
  assert.deepEqual([lost, verdict, counts], [[], "whole", { admin: 3, broker: 3, front: 3, gate: 3 }]);
});

const first = linkAfter(genesis("clerk/gate"), { v: 1, at: exported, event: "x", detail: {} });
const again = { entries: [{ entry: JSON.parse(first.text) as unknown, head: first.standing.head }], signatures: [] };
const rows: [name: string, answer: (after: number) => unknown, why: RegExp, entries: number][] = [
  ["does not answer", () => Promise.reject(new CommandError("the gate is starting")), /is starting/, 0],
  ["answers what is no page", () => ({ entries: "none" }), /cannot be read: entries/, 0],
  ["gives one entry for ever", () => again, /gives entry 1 again and again/, 1],
];

for (const [name, answer, why, entries] of rows) {
  test(`a gate that ${name} keeps nobody from taking out the other chains, and its own shows as cut`, async () => {
    const { lost, verdict, counts } = await take(hostWith(answer));
    assert.equal(lost.length, 1);
    assert.match(lost[0] ?? "", why);
    assert.deepEqual(counts, { admin: 3, broker: 3, front: 3, gate: entries });
    assert.equal(verdict, `cut gate ${entries + 1}`);
  });
}

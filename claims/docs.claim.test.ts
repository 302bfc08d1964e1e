// What the documentation tells people to type works as it is written: every block of commands of README and docs, in order, in
// one folder that looks like a clone, on one real host that `./ambit up` started. docs/blocks.ts says how a block is marked.
import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { readPages } from "../docs/pages.ts";
import { layOut, runPages } from "../docs/page-run.ts";
import { endChild, root, spawnTied, waitReady } from "../src/cli/child.ts";
import { findFreeAddress } from "../src/cli/free-port.ts";
import { freshState } from "./fresh-state.ts";

/** Ports that pages name: the front, admin, and servers that a reader starts. */
const documented = [7400, 7401, 7411, 7412, 7413, 7414, 7415];

const state = freshState();
const folder = mkdtempSync(join(tmpdir(), "ambit-docs-"));
chmodSync(folder, 0o755);
const ports = new Map<number, number>();
for (const port of documented) ports.set(port, Number(new URL(`http://${await findFreeAddress()}`).port));
const local = (port: number) => `127.0.0.1:${ports.get(port)}`;
const flags = ["up", "--json", "--listen", local(7400), "--admin", local(7401), "--state", state.folder];
const host = spawnTied("src/cli/main.ts", flags, process.env, "pipe");
host.stderr?.resume();
await waitReady(host, "./ambit up", 60_000);

after(async () => {
  await endChild(host, 45_000);
  state.remove();
  rmSync(folder, { recursive: true, force: true });
});

const pages = readPages();
layOut(root, folder, state.folder, ports);
const failed = await runPages(folder, state.folder, pages, ports);

for (const { name, blocks } of pages) {
  const commands = blocks.filter(({ kind }) => kind === "run" || kind === "background");
  if (commands.length === 0) continue;
  test(`${name}: ${commands.length} blocks of commands do what the page says`, () => {
    assert.equal(failed.get(name), undefined, failed.get(name));
  });
}

test("works at all: there is something to run", () => {
  assert.ok(pages.flatMap(({ blocks }) => blocks).filter(({ kind }) => kind === "run").length > 20);
});

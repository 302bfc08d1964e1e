// The pages whose commands are run: the README and everything in docs, the index first because the others stand on what it
// starts. A page that is added is in it by being there.
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { readBlocks } from "./blocks.ts";
import type { Page } from "./page-run.ts";

/** Repository root. */
export const root = fileURLToPath(new URL("..", import.meta.url));

export function readPages(): Page[] {
  const names = readdirSync(`${root}docs`).filter((name) => name.endsWith(".md") && name !== "README.md");
  const all = ["docs/README.md", "README.md", ...names.toSorted().map((name) => `docs/${name}`)];
  return all.map((name) => ({ name, blocks: readBlocks(name, readFileSync(root + name, "utf8")) }));
}

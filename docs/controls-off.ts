// docs/controls-off.md: each claim run again with its control switched off, and which of its tests noticed. It is written
// by that run alone, so that nobody can keep a row that was not seen.
// `node docs/controls-off.ts` runs `./ambit test --controls-off` (minutes) and writes it, with the day. Exit code 1 when a
// claim did not notice; the page says so then.
import { spawn } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { controls } from "../src/controls.ts";
import type { Row } from "../claims/table.ts";
import { renderTable } from "./controls-table.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const page = "docs/controls-off.md";
/** What to run when the page and the mutations differ. */
export const command = "node docs/controls-off.ts";
const heading = ["control", "switched off", "claim without it", "test that noticed"];

/** Cells of the table, heading first. */
export function cellsOf(rows: readonly Row[]): string[][] {
  const cells = rows.map(({ control, mutation, off, reason }) => [`\`${control}\``, mutation, off, reason]);
  return [heading, ...cells].map((row) => row.map((cell) => cell.split("\n", 1)[0]?.replaceAll("|", "\\|") ?? ""));
}

/** The page of one run. */
export function renderPage(rows: readonly Row[], date: string): string {
  const noticed = rows.filter(({ verdict }) => verdict === "passed").length;
  const tested = new Set(rows.map(({ control }) => control));
  const without = controls.filter(({ id }) => !tested.has(id)).map(({ id }) => `\`${id}\``);
  return `# Every control, switched off

A claim that stays green without its control shows nothing. So each claim is run again on a copy of the tree in which one
text of one source file is replaced, so that one control, or one part of it, is missing
([claims/mutations.ts](../claims/mutations.ts)). What must follow is *red*: the program still works, and the test that is
named for it says that the control is gone. *Green* and *broken* (the change broke more than the control) are failures.

On ${date}: **${noticed} of ${rows.length} were noticed**, over ${tested.size} controls. Made by \`${command}\`, which runs
\`./ambit test --controls-off\`; \`./ambit test\` runs the same every time. No claim yet: ${without.join(", ")}.

${renderTable(cellsOf(rows))}
`;
}

/** Cells of the table of the page, heading first. */
export function readPage(): string[][] {
  const lines = readFileSync(root + page, "utf8").split("\n");
  const rows = lines.filter((line) => line.startsWith("| ") && !/^\| -+ \|/.test(line));
  return rows.map((row) =>
    row
      .slice(2, -2)
      .split(/ +(?<!\\)\| +/)
      .map((cell) => cell.trim()),
  );
}

async function run(): Promise<{ rows: Row[]; code: number }> {
  const argv = ["--pdeathsig", "TERM", "--", process.execPath, "src/cli/main.ts", "test", "--controls-off", "--json"];
  const child = spawn("setpriv", argv, { cwd: root, stdio: ["ignore", "pipe", "inherit"] });
  const ended = new Promise<number>((resolve) => child.once("close", (code) => resolve(code ?? 1)));
  const rows: Row[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    const { event, ...said } = JSON.parse(line) as { event: string };
    if (event === "control") rows.push(said as unknown as Row);
    else console.log(line);
  }
  return { rows, code: await ended };
}

if (import.meta.main) {
  const { rows, code } = await run();
  if (rows.length === 0) throw new Error("the run ended without its table: nothing was written");
  writeFileSync(root + page, renderPage(rows, new Date().toISOString().slice(0, 10)));
  process.exitCode = code;
}

// The controls table of README.md, written from the register so that the two cannot drift apart. A reader believes the
// README; a table kept by hand would be the first thing to claim too much.
// `node docs/controls-table.ts` writes it between the markers.
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { controls, type Control } from "../src/controls.ts";

const start = "<!-- controls:start -->";
const end = "<!-- controls:end -->";
const readme = fileURLToPath(new URL("../README.md", import.meta.url));
const command = "node docs/controls-table.ts";

/** Cells of the table, heading first: control, state, claim, what is there now, claim test. */
export function cellsOf(register: readonly Control[]): string[][] {
  const heading = ["control", "state", "what must be true", "in this version", "claim test"];
  const rows = register.map(({ id, state, claim, note, claimTest }) => {
    const test = claimTest === null ? "none" : `[\`${claimTest.replace(/^claims\//, "")}\`](${claimTest})`;
    return [`\`${id}\``, state, claim, note, test].map((cell) => cell.replaceAll("|", "\\|"));
  });
  return [heading, ...rows];
}

/** The table as Markdown, columns padded as the formatter would. */
export function renderTable(cells: readonly string[][]): string {
  const widths = (cells[0] ?? []).map((_, column) => Math.max(3, ...cells.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]): string =>
    `| ${row.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join(" | ")} |`;
  const [heading = [], ...rows] = cells;
  return [line(heading), line(widths.map((width) => "-".repeat(width))), ...rows.map(line)].join("\n");
}

/** Cells of the table between the markers of a README, without padding. Throws a sentence with the command to run. */
export function readTable(markdown: string): string[][] {
  const lines = between(markdown).split("\n");
  const rows = lines.map((line) => line.trim()).filter((line) => line.startsWith("|"));
  const cells = rows.map((row) =>
    row
      .slice(1, -1)
      .split(/(?<!\\)\|/)
      .map((cell) => cell.trim()),
  );
  return cells.filter((row) => !row.every((cell) => /^:?-+:?$/.test(cell)));
}

/** The README with its table replaced by the register's. */
export function replaceTable(markdown: string, table: string): string {
  const old = between(markdown);
  const from = markdown.indexOf(start) + start.length;
  return `${markdown.slice(0, from)}\n\n${table}\n\n${markdown.slice(from + old.length)}`;
}

/** Text of README.md, or a sentence that says what to do. */
export function readReadme(): string {
  try {
    return readFileSync(readme, "utf8");
  } catch {
    throw new Error(`README.md is missing: write it with the lines "${start}" and "${end}", then run: ${command}`);
  }
}

function between(markdown: string): string {
  const [from, to] = [markdown.indexOf(start), markdown.indexOf(end)];
  const isOnce = markdown.split(start).length === 2 && markdown.split(end).length === 2;
  if (!isOnce || from > to) {
    throw new Error(`README.md needs the lines "${start}" and "${end}" once each, in that order; then run: ${command}`);
  }
  return markdown.slice(from + start.length, to);
}

if (import.meta.main) writeFileSync(readme, replaceTable(readReadme(), renderTable(cellsOf(controls))));

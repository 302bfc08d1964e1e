// The figures of README.md and docs/measured.md, written from bench/results/*.json, so that none can be kept by hand after the
// run that it came from. A reader believes a figure; each stands beside the command that made it and the day.
// `node docs/bench-table.ts` writes both between their markers.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { short } from "../bench/print.ts";
import { resultSchema, type BenchResult } from "../bench/result.ts";
import { renderTable } from "./controls-table.ts";

const start = "<!-- bench:start -->";
const end = "<!-- bench:end -->";
const root = fileURLToPath(new URL("..", import.meta.url));
/** What to run when they differ. */
export const command = "node docs/bench-table.ts";

interface Row {
  readonly what: string;
  readonly by: string;
  readonly unit: string;
  readonly spread: { readonly p50: number; readonly p99: number; readonly n: number };
}

export type Figures = Pick<BenchResult, "name" | "question" | "command" | "date"> & {
  readonly machine: Readonly<Record<string, unknown>>;
  readonly rows: readonly Row[];
};

/** All results; one of a form that cannot be read is an error, never left out. */
export function readResults(): Figures[] {
  const names = readdirSync(`${root}bench/results`).filter((name) => name.endsWith(".json"));
  return names.toSorted().map((name) => {
    return resultSchema.parse(JSON.parse(readFileSync(`${root}bench/results/${name}`, "utf8")));
  });
}

/** For README.md: a row a measurement, its first figure by everybody who was measured, four at most. */
export function renderShort(results: readonly Figures[]): string {
  const rows = results.map(({ question, command: typed, date, rows: figures }) => {
    const first = figures.filter(({ what, unit }) => what === figures[0]?.what && unit === figures[0].unit).slice(0, 4);
    const said = first.map(({ by, unit, spread }) => `${by} ${short(spread.p50)} ${unit} (p99 ${short(spread.p99)})`);
    const what = first[0]?.what ?? "";
    return [question, `${what === "" ? "" : `${what}: `}${said.join(" · ")}`, `\`${typed}\`, ${date}`];
  });
  return renderTable(cells([["question", "median", "made by"], ...rows]));
}

/** For docs/measured.md: everything. */
export function renderAll(results: readonly Figures[]): string {
  const parts = results.map(({ name, question, command: typed, date, machine, rows }) => {
    const { cpu, cores, memoryGb, kernel, node } = machine;
    const where = `${String(cpu)}, ${String(cores)} cores, ${String(memoryGb)} GB, Linux ${String(kernel)}, Node ${String(node)}`;
    const lines = rows.map(({ what, by, unit, spread }) => [
      what,
      by,
      unit,
      short(spread.p50),
      short(spread.p99),
      String(spread.n),
    ]);
    const table = renderTable(cells([["what", "by", "unit", "p50", "p99", "n"], ...lines]));
    return `### ${name}\n${question} \`${typed}\`, ${date}: ${where}.\n\n${table}`;
  });
  return parts.join("\n\n");
}

function cells(rows: readonly (readonly string[])[]): string[][] {
  return rows.map((row) => row.map((cell) => cell.replaceAll("|", "\\|")));
}

/** What stands between the markers of a page. Throws when they are not there once each, in order. */
export function between(markdown: string): string {
  const [before = "", rest, more] = markdown.split(start);
  const [inside, after, last] = (rest ?? "").split(end);
  if (rest === undefined || more !== undefined || after === undefined || last !== undefined || before.includes(end))
    throw new Error(`"${start}" and "${end}" must stand once each, in that order; then run: ${command}`);
  return inside?.trim() ?? "";
}

export function readPage(name: string): string {
  return readFileSync(root + name, "utf8");
}

if (import.meta.main) {
  const results = readResults();
  for (const [name, text] of [
    ["README.md", renderShort(results)],
    ["docs/measured.md", renderAll(results)],
  ] as const) {
    const page = readPage(name);
    const inside = between(page);
    const at = page.indexOf(start) + start.length;
    const rest = page.slice(page.indexOf(end));
    writeFileSync(root + name, inside === text ? page : `${page.slice(0, at)}\n\n${text}\n\n${rest}`);
  }
}

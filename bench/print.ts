// A result as a table of 80 columns: what was measured, under it who did it, with median, quartiles and tail.
import type { BenchResult, Machine, Row } from "./result.ts";

/** Share of all cores that others may use beside a measurement. */
const mostBusy = 0.15;
const width = { by: 36, p50: 9, quartiles: 20, p99: 9, n: 6 } as const;

/** The result as lines of text, none over 80 columns. */
export function renderResult({ name, question, command, date, machine, sizes, rivals, rows }: BenchResult): string[] {
  const groups = [...new Set(rows.map(({ what, unit }) => `${what}, ${unit}`))];
  const run = Object.entries(sizes).map(([key, size]) => `${key} ${size}`);
  return [
    ...fold(`${name}: ${question}`),
    ...fold(`${command} on ${date}: ${run.join(", ")}`),
    ...fold(machineLine(machine)),
    ...(isBusy(machine)
      ? fold(`Others used ${short(machine.busyBefore * 100)} % of its cores right before: not to be published.`)
      : []),
    "",
    lineOf("", "p50", "quartiles", "p99", "n"),
    ...groups.flatMap((group) => [group, ...rows.filter((row) => `${row.what}, ${row.unit}` === group).map(rowLine)]),
    ...rivals.flatMap(({ name: rival, version, ...more }) =>
      more.state === "absent"
        ? fold(`${rival} ${version} was not measured: ${more.reason}`)
        : [`${rival} is ${version}`],
    ),
  ];
}

/** Whether others took so much of the machine that its figures say little. */
export function isBusy({ busyBefore }: Machine): boolean {
  return busyBefore > mostBusy;
}

function machineLine(machine: Machine): string {
  const { cpu, cores, memoryGb, system, kernel, node, workerd, fsyncMs } = machine;
  const parts = [
    cpu,
    `${cores} cores`,
    `${memoryGb} GB`,
    system,
    `Linux ${kernel}`,
    `Node ${node}`,
    `workerd ${workerd}`,
  ];
  return `${parts.join(", ")}; a bare fsync takes ${fsyncMs.p50} ms (p99 ${fsyncMs.p99})`;
}

function rowLine({ by, spread: { p50, p25, p75, p99, n } }: Row): string {
  return lineOf(`  ${by}`, short(p50), `${short(p25)} - ${short(p75)}`, short(p99), String(n));
}

function lineOf(by: string, p50: string, quartiles: string, p99: string, n: string): string {
  const right = [p50.padStart(width.p50), quartiles.padStart(width.quartiles), p99.padStart(width.p99)];
  return `${by.padEnd(width.by)}${right.join("")}${n.padStart(width.n)}`;
}

/** Three digits are all that a measurement of this kind is worth. */
export function short(value: number): string {
  const size = Math.abs(value);
  return value.toFixed(size >= 100 ? 0 : size >= 10 ? 1 : 2);
}

/** Breaks a text into lines of at most 80 columns. */
function fold(text: string): string[] {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const last = lines.at(-1);
    if (last === undefined || last.length + 1 + word.length > 80) lines.push(word);
    else lines[lines.length - 1] = `${last} ${word}`;
  }
  return lines;
}

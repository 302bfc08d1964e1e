// What all measurements share: sizes from the command line, the machine, the table, and the file that is kept. A short run
// (`--quick`) or one of other sizes is kept apart, under `.cache/bench`, so that nobody publishes it by mistake.
import { mkdirSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { root } from "../src/cli/child.ts";
import { describeMachine } from "./machine.ts";
import { renderResult } from "./print.ts";
import { resultSchema, type Rival, type Row } from "./result.ts";

type Sizes = Readonly<Record<string, number | string>>;

export interface Bench<S extends Sizes> {
  readonly name: string;
  /** What it answers, in one sentence. */
  readonly question: string;
  /** How much is measured, and how much with `--quick`. Each is a flag: `--rounds 50`. */
  readonly sizes: S;
  readonly quick: S;
  /** What belongs to the run and cannot be chosen. */
  readonly fixed?: Sizes;
  readonly measure: (sizes: S) => Promise<{ rows: Row[]; rivals?: Rival[] }>;
}

/** Measures, prints the table and keeps the result. What fails is said in one line, and the exit code is 1. */
export async function bench<S extends Sizes>({
  name,
  question,
  sizes,
  quick,
  fixed,
  measure,
}: Bench<S>): Promise<void> {
  try {
    const given = readFlags<S>(sizes);
    const chosen = { ...(given.isQuick ? quick : sizes), ...given.sizes };
    const machine = await describeMachine();
    const date = new Date().toISOString().slice(0, 10);
    const { rows, rivals = [] } = await measure(chosen);
    const command = commandOf(name, given);
    const all = { name, question, command, date, machine, sizes: { ...chosen, ...fixed }, rivals, rows };
    const result = resultSchema.parse(all);
    console.log(renderResult(result).join("\n"));
    const folder = `${root}${command === `./ambit bench ${name}` ? "bench/results" : ".cache/bench"}`;
    mkdirSync(folder, { recursive: true });
    writeFileSync(`${folder}/${name}.json`, `${JSON.stringify(result, null, 2)}\n`);
  } catch (thrown) {
    console.error(`bench ${name} failed: ${thrown instanceof Error ? thrown.message : String(thrown)}`);
    process.exitCode = 1;
  }
}

function commandOf(name: string, { isQuick, sizes }: { isQuick: boolean; sizes: object }): string {
  const flags = Object.entries(sizes).map(([flag, size]) => ` --${flag} ${size}`);
  const program = flags.length > 0 ? `node bench/${name}.ts` : `./ambit bench ${name}`;
  return `${program}${isQuick ? " --quick" : ""}${flags.join("")}`;
}

function readFlags<S extends Sizes>(sizes: S): { isQuick: boolean; sizes: Partial<S> } {
  const texts = Object.fromEntries(Object.keys(sizes).map((name) => [name, { type: "string" as const }]));
  const { values } = parseArgs({ options: { quick: { type: "boolean", default: false }, ...texts } });
  const given = Object.entries(values as Record<string, unknown>).filter(([name]) => name in sizes);
  const chosen = given.map(([name, value]) => {
    const size = typeof sizes[name] === "number" ? Number(value) : String(value);
    if (typeof size === "number" ? !Number.isInteger(size) || size < 1 : !/^\d+(,\d+)*$/.test(size))
      throw new Error(`--${name} "${String(value)}" is no size: give a whole number from 1, like ${sizes[name]}`);
    return [name, size];
  });
  return { isQuick: values["quick"] === true, sizes: Object.fromEntries(chosen) as Partial<S> };
}

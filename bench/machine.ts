// What a figure was measured on; printed and kept with it.
import { mkdirSync, writeFileSync } from "node:fs";
import { cpus, release, totalmem } from "node:os";
import { root } from "../src/cli/child.ts";

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGb: number;
  readonly kernel: string;
  readonly node: string;
  readonly date: string;
}

export function describeMachine(): Machine {
  const [first] = cpus();
  return {
    cpu: first?.model ?? "unknown",
    cores: cpus().length,
    memoryGb: Math.round(totalmem() / 1_073_741_824),
    kernel: release(),
    node: process.version,
    date: new Date().toISOString().slice(0, 10),
  };
}

/** Keeps a result under `bench/results/`. */
export function keepResult(name: string, result: object): void {
  mkdirSync(`${root}bench/results`, { recursive: true });
  const text = JSON.stringify({ bench: name, machine: describeMachine(), ...result }, null, 2);
  writeFileSync(`${root}bench/results/${name}.json`, `${text}\n`);
}

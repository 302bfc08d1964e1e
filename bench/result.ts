// The one form of what a measurement found, as it is kept in `bench/results/NAME.json`. A reader believes these files, so
// what they may not say is refused by the form: a figure of a rival that was not there, two figures for one thing, a
// figure without its spread. README.md is written from them.
import { z } from "zod";
import { spread } from "./statistics.ts";

const figure = z.number();
const spreadShape = {
  ...{ p50: figure, p25: figure, p75: figure, p99: figure, min: figure, max: figure },
  n: z.int().min(1),
};
export const spreadSchema = z
  .strictObject(spreadShape)
  .refine(({ min, p25, p50, p75, p99, max }) => min <= p25 && p25 <= p50 && p50 <= p75 && p75 <= p99 && p99 <= max, {
    error: "percentiles are not in order",
  });

const text = z.string().min(1).max(200);
export const machineSchema = z.strictObject({
  cpu: text,
  cores: z.int().min(1),
  memoryGb: z.int().min(1),
  system: text,
  kernel: text,
  node: z.string().regex(/^\d+\.\d+\.\d+$/),
  workerd: z.string().regex(/^\d+\.\d+\.\d+$/),
  /** Share of all cores that others used right before, 0 to 1. */
  busyBefore: figure.min(0).max(1),
  /** A bare fsync of 4 KiB on the disk that was measured on, ms. */
  fsyncMs: spreadSchema,
});

/** One figure. `by` is `ambit`, a rival of the same run, or what it is compared with: a plain script, the bare model. */
const rowSchema = z.strictObject({
  what: z.string().min(1).max(60),
  by: z.string().min(1).max(34),
  unit: z.enum(["ms", "µs", "MB", "per second", "times", "fsyncs"]),
  spread: spreadSchema,
});

const rivalName = { name: z.string().min(1).max(34), version: z.string().regex(/^\d+\.\d+\.\d+$/) };
const rivalSchema = z.discriminatedUnion("state", [
  z.strictObject({ ...rivalName, state: z.literal("measured") }),
  z.strictObject({ ...rivalName, state: z.literal("absent"), reason: text }),
]);

export const resultSchema = z
  .strictObject({
    name: z.string().regex(/^[a-z-]+$/),
    question: text,
    /** What was typed to get it. */
    command: z.string().regex(/^(\.\/ambit bench [a-z-]+|node bench\/[a-z-]+\.ts)( --[a-z-]+( [\d,]+)?)*$/),
    date: z.iso.date(),
    machine: machineSchema,
    /** Rounds and other sizes of the run. */
    sizes: z.record(z.string(), z.union([figure, z.string()])),
    rivals: z.array(rivalSchema),
    rows: z.array(rowSchema).min(1),
  })
  .check(({ value: { rivals, rows }, issues }) => {
    const refuse = (message: string) => issues.push({ code: "custom", message, input: rows, path: ["rows"] });
    const keys = rows.map(({ what, by }) => `${what}, by ${by}`);
    for (const key of keys.filter((one, at) => keys.indexOf(one) !== at)) refuse(`two figures for ${key}`);
    for (const { name, state } of rivals) {
      const isThere = rows.some(({ by }) => by === name);
      if (state === "absent" && isThere) refuse(`a figure of ${name}, which was absent`);
      if (state === "measured" && !isThere) refuse(`no figure of ${name}, which was measured`);
    }
  });

export type Machine = z.infer<typeof machineSchema>;
export type Row = z.infer<typeof rowSchema>;
export type Rival = z.infer<typeof rivalSchema>;
export type BenchResult = z.infer<typeof resultSchema>;

/** A row of the samples that were taken. */
export function row(what: string, by: string, unit: Row["unit"], samples: readonly number[]): Row {
  return { what, by, unit, spread: spread(samples) };
}

// Medians and tails of repeated runs. One round of a measurement asks all rivals once, so that noise falls on all of them
// alike and what one adds to another can be taken round by round.

export interface Spread {
  readonly p50: number;
  /** Quartiles: half of all samples lie between them. */
  readonly p25: number;
  readonly p75: number;
  readonly p99: number;
  readonly min: number;
  readonly max: number;
  /** How many samples. */
  readonly n: number;
}

/** Percentiles of samples, nearest rank; all in the samples' unit. NaN of nothing. */
export function spread(samples: readonly number[]): Spread {
  const sorted = [...samples].sort((a, b) => a - b);
  const at = (share: number) =>
    round(sorted[Math.max(0, Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1))] ?? Number.NaN);
  return { p50: at(0.5), p25: at(0.25), p75: at(0.75), p99: at(0.99), min: at(0), max: at(1), n: sorted.length };
}

export function round(value: number): number {
  return Math.round(value * 100) / 100;
}

/** What `more` has over `less`, round by round. */
export function differences(more: readonly number[], less: readonly number[]): number[] {
  if (more.length !== less.length) throw new Error(`${more.length} rounds cannot be compared with ${less.length}`);
  return more.map((value, at) => value - (less[at] ?? Number.NaN));
}

/** Runs the rivals in turn, round by round; milliseconds of each round. The first `warm` rounds are dropped. */
export async function interleave<Name extends string>(
  rivals: Readonly<Record<Name, () => unknown>>,
  rounds: number,
  warm: number,
): Promise<Record<Name, number[]>> {
  const names = Object.keys(rivals) as Name[];
  const samples = Object.fromEntries(names.map((name) => [name, [] as number[]])) as Record<Name, number[]>;
  for (let turn = 0; turn < rounds + warm; turn++) {
    for (const name of names) {
      const began = performance.now();
      await rivals[name]();
      if (turn >= warm) samples[name].push(performance.now() - began);
    }
  }
  return samples;
}

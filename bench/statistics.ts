// Medians and tails of repeated runs; figures are milliseconds unless a name says otherwise.

export interface Spread {
  readonly p50: number;
  readonly p99: number;
  readonly n: number;
}

/** Percentiles of samples, nearest rank. */
export function spread(samples: readonly number[]): Spread {
  const sorted = [...samples].sort((a, b) => a - b);
  const at = (share: number) =>
    round(sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN);
  return { p50: at(0.5), p99: at(0.99), n: sorted.length };
}

export function round(value: number): number {
  return Math.round(value * 100) / 100;
}

/** Runs the rivals in turn, round by round, so that noise falls on all of them alike. Rounds before `warm` are dropped. */
export async function interleave(
  rivals: Readonly<Record<string, () => Promise<void>>>,
  rounds: number,
  warm: number,
): Promise<Record<string, number[]>> {
  const samples: Record<string, number[]> = {};
  for (let turn = 0; turn < rounds + warm; turn++) {
    for (const [name, run] of Object.entries(rivals)) {
      const began = performance.now();
      await run();
      if (turn >= warm) (samples[name] ??= []).push(performance.now() - began);
    }
  }
  return samples;
}

// Control `runtime`: the times by which a part is judged, in one place. An attacker wants them long enough to harm and
// short enough to make the supervisor kill what is only slow. All are milliseconds.

export interface PartTimes {
  readonly readyMs: number;
  /** A start that takes longer no longer keeps others from starting. */
  readonly slotMs: number;
  readonly probeEveryMs: number;
  readonly probeMs: number;
  readonly firstBackoffMs: number;
  readonly lastBackoffMs: number;
  /** Health that long makes the next failure a first one. */
  readonly calmMs: number;
  readonly memoryEveryMs: number;
}

export const partTimes: PartTimes = {
  readyMs: 20_000,
  slotMs: 3000,
  probeEveryMs: 2000,
  probeMs: 3000,
  firstBackoffMs: 100,
  lastBackoffMs: 5000,
  calmMs: 10_000,
  memoryEveryMs: 250,
};

/** How long to wait before start number `failures + 1`, ms. */
export function backoffMs(failures: number, times: PartTimes = partTimes): number {
  return Math.min(times.lastBackoffMs, times.firstBackoffMs * 2 ** Math.min(failures, 20));
}

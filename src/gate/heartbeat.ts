// Alarms are what goes on after a kill, but the engine forgets an alarm that failed a few times in a row: two minutes of a
// full disk are enough. So this process remembers which threads have something left to do, and whoever asks whether it is
// well also makes it look after them. In memory only: a new process gets all its alarms back from disk.
import { openLedger, openThread, type Env } from "./env.ts";

const everyMs = 30_000;
const atOnce = 100;

const unfinished = new Set<string>();
let last = 0;

/** A thread has something left to do, or nothing any more. */
export function noteWork(thread: string, hasWork: boolean): void {
  if (hasWork) unfinished.add(thread);
  else unfinished.delete(thread);
}

/** Has threads with something left to do go on, and the Ledger set its alarm; now and then, however often it is called. */
export async function beat(env: Env, now: number): Promise<void> {
  // A process that just started has all its alarms.
  if (last === 0) last = now;
  if (now - last < everyMs) return;
  last = now;
  await Promise.allSettled([openLedger(env).resume(), goOn(env)]);
}

/** Has threads with something left to do go on now, a hundred at a time; who was asked is asked again last. */
export async function goOn(env: Env): Promise<void> {
  const threads = [...unfinished].slice(0, atOnce);
  for (const thread of threads) {
    unfinished.delete(thread);
    unfinished.add(thread);
  }
  await Promise.allSettled(threads.map((thread) => openThread(env, thread).resume(thread)));
}

// Work on many things, a few at a time: so that a question about all deployments is answered soon and yet takes no more than
// a few of the supervisor's places.

/** What `work` gives for each item, in their order, with at most `most` under way. */
export async function inParallel<T, R>(items: readonly T[], most: number, work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  const rest = items.entries();
  const worker = async (): Promise<void> => {
    for (const [at, item] of rest) results[at] = await work(item);
  };
  await Promise.all(Array.from({ length: Math.min(most, items.length) }, worker));
  return results;
}

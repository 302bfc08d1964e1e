// An export before both verifiers: the product's own, and the page's, which uses nothing of ours.
import { verifyChunks } from "../src/cli/audit.ts";
import type { Verdict } from "../src/controls/audit/verify.ts";

const page = new URL("../docs/verify-audit.mjs", import.meta.url).href;
const { verifyExport } = (await import(page)) as { verifyExport: (bytes: Buffer, key?: string) => string };

export interface Judged {
  readonly ours: Verdict;
  /** What the independent verifier finds wrong, or null. */
  readonly theirs: string | null;
}

/** @param key the broker's, known from elsewhere */
export async function judgeBoth(bytes: Buffer, key: string | undefined): Promise<Judged> {
  const ours = await verifyChunks([bytes], key);
  try {
    verifyExport(bytes, key);
    return { ours, theirs: null };
  } catch (error) {
    return { ours, theirs: (error as Error).message };
  }
}

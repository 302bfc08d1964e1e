// Control `audit`: the lines of an export, and what its seal covers. An attacker wants to change an export after it was
// made, or to make one himself: the last line is the broker's signature over everything before it and over the heads that
// the broker itself signed last.
import { z } from "zod";
import { canonicalJson } from "../manifest/hash.ts";
import { namePattern } from "../manifest/shapes.ts";
import { exportTime, sealAnswer, signature, standings, type Seal } from "../wire/audit.ts";
import { writers } from "./chain.ts";
import { chainEntry } from "./entry.ts";

const line = z.int().min(1);
const chain = z.enum(writers);

/** First line. `chains`: where each chain stood before its first entry here. */
const headerLine = z.strictObject({
  v: z.literal(1),
  kind: z.literal("header"),
  line,
  deployment: z.string().regex(namePattern),
  exported: exportTime,
  key: z.string(),
  chains: standings,
});
export type Header = z.infer<typeof headerLine>;

const entryLine = z.strictObject({
  kind: z.literal("entry"),
  line,
  chain,
  entry: chainEntry,
  head: z.string(),
});
export type EntryLine = z.infer<typeof entryLine>;

/** A signature that was given when the chain stood there; it follows the entry that it covers. */
const checkpointLine = signature.extend({ kind: z.literal("checkpoint"), line, chain });
export type Checkpoint = z.infer<typeof checkpointLine>;

export const exportLine = z.discriminatedUnion("kind", [headerLine, entryLine, checkpointLine, sealAnswer]);
export type ExportLine = z.infer<typeof exportLine>;

/** What the broker signs for a seal. */
export function sealText(seal: Omit<Seal, "signature">): string {
  return `ambit-seal-v1\n${canonicalJson(seal)}`;
}

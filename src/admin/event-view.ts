// Control `audit`: an entry of a chain as the API shows it, and what it may be asked for by. The index is no truth: what it shows
// is proven by an export alone. Words that strangers chose stand in here as they are, inside JSON.
import { z } from "zod";
import { writers } from "../controls/audit/chain.ts";
import { chainEntry } from "../controls/audit/entry.ts";
import { name } from "../controls/manifest/shapes.ts";
import { person } from "../controls/wire/admin.ts";
import { exportTime } from "../controls/wire/audit.ts";

const idForm = /^evt_([0-9a-f]{8})_([1-9][0-9]{0,14})$/;
export const eventId = z.string().regex(idForm, "an id as events have it, evt_...");

export const eventView = z.strictObject({
  /** Of this index: one that is built anew has other ids. */
  id: z.string(),
  deployment: z.string(),
  chain: z.enum(writers),
  /** 1 for the first deployment of this name; its gate's chain ends with it. */
  life: z.int(),
  entry: chainEntry,
  /** Head over all entries up to this one. */
  head: z.string(),
});
export type EventView = z.infer<typeof eventView>;

export const eventFilter = {
  deployment: name.optional().describe("of this deployment"),
  chain: z.enum(writers).optional().describe("of this writer's chain"),
  kind: z
    .string()
    .regex(/^[a-z_]{1,64}$/, "a kind of entry, such as call_held")
    .optional()
    .describe("of this kind, such as `call_held`"),
  user: person.optional().describe("about this user, or by this person"),
  since: exportTime
    .refine((time) => !Number.isNaN(Date.parse(time)), "no such time")
    .optional()
    .describe("written at this time or later, such as 2026-05-03T10:00:00Z"),
};
export type EventFilter = { readonly [K in keyof typeof eventFilter]?: z.infer<(typeof eventFilter)[K]> };

export const chainStatus = z.strictObject({
  deployment: z.string(),
  chain: z.enum(writers),
  life: z.int(),
  /** Entries that the index has followed. */
  followed: z.int(),
  /** Entries that there are, of a gate's chain those that the broker signed; null when nobody says so now. */
  length: z.int().nullable(),
  /** Entries that the index is behind; null when that is not known. */
  behind: z.int().nullable(),
  /** Why the index goes no further: its chain does not follow from what the index holds. */
  fault: z.strictObject({ kind: z.enum(["gap", "fork", "cut"]), sequence: z.int(), message: z.string() }).nullable(),
  /** Why it could not be read the last time. */
  unreadable: z.string().nullable(),
  /** The deployment is gone. */
  removed: z.boolean(),
});
export type ChainStatus = z.infer<typeof chainStatus>;

/** Whom an entry is about: the user who is named or whose conversation it is, or the person who acted. */
export function userOf({ detail, thread }: z.infer<typeof chainEntry>): string {
  const { user, by } = detail;
  if (typeof user === "string") return user;
  if (typeof by === "string") return by;
  try {
    return decodeURIComponent(thread?.split(":")[1] ?? "");
  } catch {
    return "";
  }
}

/** The place of an id in the index of this epoch, or undefined when it is of another. */
export function placeOf(id: string, epoch: string): number | undefined {
  const [, of, n] = idForm.exec(id) ?? [];
  return of === epoch ? Number(n) : undefined;
}

export function idOf(n: number, epoch: string): string {
  return `evt_${epoch}_${n}`;
}

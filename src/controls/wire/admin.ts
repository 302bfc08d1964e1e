// Control `admin-access`: what the admin process and the supervisor say to each other: who acts, over the supervisor's
// `admin/host.sock`, and the tokens of people, over admin's own `health.sock`. Who holds the admin process can name anybody
// as the actor; what the supervisor writes down is what it was told, and by whom it was told.
import { z } from "zod";
import { isPrintable } from "../manifest/printable.ts";

/** What a token lets its person do. Everybody who has one may read. */
export const role = z.enum(["viewer", "approver", "operator"]);
export type Role = z.infer<typeof role>;

export const person = z
  .string()
  .min(1)
  .max(254)
  .refine(isPrintable, "one line without control or invisible characters")
  .describe("who acts, as lists of people name them");

/** Header of a request over `host.sock` that changes something: URL-encoded JSON of `actor`. Without it: refused. */
export const actorHeader = "x-ambit-actor";
export const actor = z.strictObject({
  by: person,
  /** Public part of the token. */
  token: z.string().regex(/^[0-9A-Za-z]{12}$/),
  role,
  /** Id of the request that admin answers. */
  request: z.string().regex(/^req_[0-9A-Za-z_-]{1,64}$/),
});
export type Actor = z.infer<typeof actor>;

/** An actor as the value of a header. */
export function writeActor(value: Actor): string {
  return encodeURIComponent(JSON.stringify(value));
}

/** The actor of a header, or undefined when it is not one. */
export function parseActor(header: string | readonly string[] | undefined): Actor | undefined {
  if (typeof header !== "string" || header.length > 4096) return undefined;
  try {
    return actor.safeParse(JSON.parse(decodeURIComponent(header))).data;
  } catch {
    return undefined;
  }
}

/** Supervisor, `host.sock`, `POST /v1/admin/noted`: an act of admin alone, for every admin chain -> 204. */
export const noteRequest = z.strictObject({
  event: z.enum(["admin_token_made", "admin_token_ended"]),
  detail: z.record(z.string().max(64), z.union([z.string().max(254), z.int()])),
});
export type Note = z.infer<typeof noteRequest>;

/** Longest life of a token of a person. */
export const maxTokenDays = 365;
const days = z.int().min(1).max(maxTokenDays);

/**
 * Admin, `health.sock`, and supervisor, `control.sock` under `/v1/admin`:
 * - `POST /tokens` tokenRequest -> tokenAnswer, the token shown this once
 * - `GET /tokens` -> tokenList
 * - `DELETE /tokens/<id>` -> 204
 */
export const tokenRequest = z.strictObject({
  by: person,
  role,
  days: days.default(30).describe("days until it expires"),
});
const tokenView = z.strictObject({
  id: z.string(),
  by: z.string(),
  role,
  created: z.string(),
  expires: z.string(),
});
export type TokenView = z.infer<typeof tokenView>;
export const tokenAnswer = tokenView.extend({ token: z.string() });
export const tokenList = z.strictObject({ tokens: z.array(tokenView) });

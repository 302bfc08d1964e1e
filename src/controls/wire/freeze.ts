// Control `workflow`: what is said when a deployment is frozen or thawed, by the command line to the supervisor and by the
// supervisor to a gate. Whoever holds a deployment wants it thawed, or frozen under somebody else's name; who may speak is
// decided by the socket, and the words of the first who froze are the ones that stay.
import { z } from "zod";

const by = z.string().min(1).max(254).describe("who decided");
const reason = z.string().max(1000);

/** Who froze a deployment, why and when; of the first, should several have done it. `POST /control/freeze` of a gate. */
export const frozenSince = z.strictObject({ by, reason, at: z.iso.datetime().describe("RFC 3339, UTC") });
export type FrozenSince = z.infer<typeof frozenSince>;

/** `POST /v1/deployments/<name>/freeze` of the supervisor. */
export const freezeRequest = z.strictObject({ by, reason: reason.default("") });
/** `POST /v1/deployments/<name>/thaw` of the supervisor, `POST /control/thaw` of a gate. */
export const thawRequest = z.strictObject({ by });

/** What one of the three places does. One that was not reached is told again until it was. */
const freezePlace = z.enum(["frozen", "open", "not reached yet"]);
export type FreezePlace = z.infer<typeof freezePlace>;
export const freezePlaces = z.strictObject({ front: freezePlace, broker: freezePlace, ledger: freezePlace });
export type FreezePlaces = z.infer<typeof freezePlaces>;

/** Answer to both: what is on disk, and what each place does. */
export const freezeAnswer = z.strictObject({
  name: z.string(),
  frozen: frozenSince.nullable(),
  places: freezePlaces,
});
export type FreezeAnswer = z.infer<typeof freezeAnswer>;

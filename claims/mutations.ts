// All ways of switching a control off, a file a control under mutations/: claims/run.ts runs each claim without its control
// and prints which claims notice. Every control that has a claim must be here: mutations.test.ts. Those whose tests wait for
// a clock stand first, so that a run does not end with waiting.
import type { Mutation } from "./mutations/mutation.ts";
import { adminAccess } from "./mutations/admin-access.ts";
import { allowlists } from "./mutations/allowlists.ts";
import { audit } from "./mutations/audit.ts";
import { leastPrivilege } from "./mutations/least-privilege.ts";
import { rateLimits } from "./mutations/rate-limits.ts";
import { redeploys } from "./mutations/redeploys.ts";
import { review } from "./mutations/review.ts";
import { runtime } from "./mutations/runtime.ts";
import { schemas } from "./mutations/schemas.ts";
import { workflow } from "./mutations/workflow.ts";

export const mutations: readonly Mutation[] = [
  ...runtime,
  ...audit,
  ...redeploys,
  ...review,
  ...schemas,
  ...adminAccess,
  ...leastPrivilege,
  ...rateLimits,
  ...allowlists,
  ...workflow,
];

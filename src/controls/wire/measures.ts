// What the front counts, and how the supervisor passes it on. Front, `health.sock`: `GET /measures` -> frontMeasures.
// Supervisor, `GET /v1/measures` -> hostMeasures. Labels are names of deployments, classes of status and the front's own codes.
import { z } from "zod";
import { name } from "../manifest/shapes.ts";

/** Upper ends of the histogram of requests, seconds. */
export const requestBuckets = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30] as const;
/** Deployments that are told apart. */
export const maxMeasured = 1000;

const count = z.int().min(0);
export const frontMeasures = z.strictObject({
  /** Requests that were passed on, or refused where the deployment was known. */
  requests: z
    .array(
      z.strictObject({
        deployment: name,
        /** `2xx` and so on. */
        status: z.string().regex(/^[1-5]xx$/),
        /** How many took at most each of `requestBuckets`. */
        upTo: z.array(count).length(requestBuckets.length),
        count,
        /** Seconds. */
        sum: z.number().min(0),
      }),
    )
    .max(maxMeasured * 5),
  /** Requests and connections that the front itself refused, by its code, whoever they were for. */
  refusals: z.array(z.strictObject({ reason: z.string().regex(/^[a-z_]{1,40}$/), count })).max(200),
});
export type FrontMeasures = z.infer<typeof frontMeasures>;

/** Null: the front does not answer now. */
export const hostMeasures = z.strictObject({ front: frontMeasures.nullable() });

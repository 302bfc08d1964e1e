// What the command line asks of the supervisor over `control.sock` (mode 0600), and what the supervisor asks of the
// broker over the broker's own control socket. Both are HTTP on unix sockets; who may open the socket is the identity.
import { z } from "zod";
import { releaseSchema } from "../manifest/release.ts";
import { freezePlaces, frozenSince } from "./freeze.ts";
import { authorityDiff, maxDrainMs, proposalView } from "./releases.ts";

/**
 * Supervisor, `control.sock`:
 * - `GET  /v1/status` -> hostStatus
 * - `GET  /v1/measures` -> hostMeasures (wire/measures.ts)
 * - `GET  /v1/deployments` -> deploymentList
 * - `PUT  /v1/deployments/<name>` deployRequest -> deployAnswer (starts or replaces the gate, tells the broker); 202
 *   proposalView when a second person must agree; 409 `authority_grew` with the difference when nobody accepted it
 * - deployRequest, and difference, history, rollback, proposals and removal: see wire/releases.ts
 * - `PUT  /v1/deployments/<name>/secrets/<secret>` body: the raw value, at most 8 KiB -> 204
 * - `ANY  /v1/deployments/<name>/gate/<path>` passed to the gate's `in.sock` as `/<path>` with its control token
 * - `GET  /v1/audit`, `GET /v1/deployments/<name>/audit`, `.../audit/<writer>?after=N`, `POST .../audit/seal`: see wire/audit.ts
 * - `POST /v1/deployments/<name>/freeze` freezeRequest, `/thaw` thawRequest -> freezeAnswer (wire/freeze.ts)
 * - `POST /v1/stop` stopRequest, or no body -> 202, then everything stops
 */
export const deployAnswer = z.strictObject({
  name: z.string(),
  release: z.string(),
  /** Shown once: the token a channel presents to talk to this deployment. Null when the deployment kept its old one. */
  token: z.string().nullable(),
  url: z.string(),
  /** The deployment was frozen and stays so; its tools are pinned when it is thawed. */
  frozen: frozenSince.nullable(),
  /** What it may do beside the release before. */
  authority: authorityDiff,
  /** Held calls of the release before that are over now; null when that is not known before the thaw. */
  voided: z.int().nullable(),
});
export type DeployAnswer = z.infer<typeof deployAnswer>;

/** How long turns that walk may take to end. */
export const stopRequest = z.strictObject({ drainMs: z.int().min(0).max(maxDrainMs) });

/** `deployed`: what the last approval that was needed brought about. */
export const proposalDecided = z.strictObject({ proposal: proposalView, deployed: deployAnswer.nullable() });
export type ProposalDecided = z.infer<typeof proposalDecided>;

export const deploymentList = z.strictObject({
  deployments: z.array(
    z.strictObject({
      name: z.string(),
      release: z.string(),
      /** What its gate does. */
      state: z.enum(["starting", "ready", "backing_off", "stopped"]),
      /** Empty when its release cannot be read. */
      mode: z.string(),
      frozen: frozenSince.extend({ places: freezePlaces }).nullable(),
    }),
  ),
});
export type DeploymentList = z.infer<typeof deploymentList>;

export const processStatus = z.strictObject({
  name: z.string(),
  pid: z.int().nullable(),
  state: z.enum(["starting", "ready", "backing_off", "stopped"]),
  restarts: z.int(),
  /** User id it runs as. */
  uid: z.int(),
  /** Proportional set size in bytes, null when not running. */
  pss: z.int().nullable(),
});
export const hostStatus = z.strictObject({
  version: z.string(),
  /** Process id of the supervisor that answers. */
  pid: z.int(),
  state: z.string(),
  url: z.string(),
  /** Where the admin process listens. */
  admin: z.string(),
  /** Plain sentences on what is weaker than it should be on this machine. */
  weaker: z.array(z.string()),
  /** Deployments in observe mode: not for production. */
  observing: z.array(z.string()),
  processes: z.array(processStatus),
});
export type HostStatus = z.infer<typeof hostStatus>;

/**
 * Broker, `broker/control.sock`:
 * - `GET /healthz` -> 200
 * - `PUT /deployments/<name>` brokerDeployment -> 204 once the door is open
 * - `DELETE /deployments/<name>` -> 204, of one that never came to be: door and outcomes are gone, its gate's chain has ended
 * - `POST /deployments/<name>/forget` -> 204: the same, and its secrets are gone
 * - `PUT /deployments/<name>/frozen` -> 204 once nothing leaves any more; `DELETE` -> 204, it may leave again
 * - `PUT /deployments/<name>/secrets/<secret>` raw value -> 204
 * - `GET /chains`, `GET /chains/<name>?after=N`, `POST /chains/<name>/seal`: see wire/audit.ts
 * - `POST /chains/<name>/sign/<admin | front>` signRequest, `.../sign/broker` -> signAnswer, or 409 signConflict
 */
export const brokerDeployment = z.strictObject({
  release: releaseSchema,
  /** True freezes it before its door opens; false leaves it as it is. */
  frozen: z.boolean().default(false),
});

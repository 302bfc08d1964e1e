// Control `least-privilege`, `schemas`: what an overlay may speak of: the keys of a deployment file that bound something.
// What names the deployment, steers its agent or says what a tool does to the world is not here: a customer who could say
// that a payment is a read would not narrow, but hide. Groups are not here either: Cedar policies speak of them both ways.
import { z } from "zod";
import { contract, manifestSchema } from "./schema.ts";

const { shape } = manifestSchema;
const { api } = shape.channels.unwrap().shape;
const speakers = api.unwrap().partial();

const tool = contract
  .pick({
    authority: true,
    payload: true,
    bind: true,
    max: true,
    total: true,
    only: true,
    returns: true,
    timeout: true,
  })
  .partial()
  .extend({ review: contract.shape.review.unwrap().partial().optional() });

const tools = z.record(z.string(), tool).optional();

/** Values are looked at only: what is merged is what stands in the file, without any default. */
export const overlaySchema = z.strictObject({
  mode: shape.mode.optional(),
  unattended: shape.unattended.optional(),
  limits: shape.limits.unwrap().optional(),
  approvers: shape.approvers.optional(),
  redeploys: shape.redeploys.unwrap().partial().optional(),
  channels: z.strictObject({ api: speakers.optional(), webhook: speakers.optional() }).optional(),
  hosts: shape.hosts,
  records: z
    .record(z.string(), shape.records.unwrap().valueType.pick({ bind: true, returns: true, max_rows: true }).partial())
    .optional(),
  servers: z.record(z.string(), z.strictObject({ tools })).optional(),
  egress: shape.egress.unwrap().optional(),
});

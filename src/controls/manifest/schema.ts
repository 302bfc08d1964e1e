// Control `schemas`, `least-privilege`: the deployment file, once. This zod schema is the source of the type, the
// parser, the JSON Schema for editors and the table in the docs. An attacker here is whoever hands an operator a file:
// what is not listed does not exist, unknown keys are errors, and nothing is coerced.
import { z } from "zod";

/** Duration such as `500ms`, `30s`, `10m`, `4h`, `30d`. */
export const durationPattern = /^[1-9][0-9]{0,5}(ms|s|m|h|d)$/;
const duration = z.string().regex(durationPattern, "a duration such as 30s, 10m, 4h or 30d");
/** Rate such as `20/min`. */
export const ratePattern = /^[1-9][0-9]{0,6}\/(s|min|h|day)$/;
const rate = z.string().regex(ratePattern, "a rate such as 20/min, 100/h or 5/s");
/** Names become socket paths and host labels: short, lower case, no dots. */
export const namePattern = /^[a-z][a-z0-9-]{0,38}[a-z0-9]$/;
const name = z.string().regex(namePattern, "2 to 40 lower-case letters, digits and dashes, starting with a letter");
const identifier = z.string().regex(/^[a-z][a-z0-9_]{0,47}$/, "1 to 48 lower-case letters, digits and underscores");
/** MCP tool names as servers really use them. */
const toolName = z.string().regex(/^[A-Za-z][A-Za-z0-9_.-]{0,63}$/, "1 to 64 letters, digits, _ . and -");
const property = z.string().regex(/^[A-Za-z_][A-Za-z0-9_.-]{0,63}$/, "a top-level property name");
const secretRef = z.string().regex(/^secret:[a-z][a-z0-9_-]{0,47}$/, "secret:NAME, the value itself never stands here");
const secretName = z.string().regex(/^[a-z][a-z0-9_-]{0,47}$/, "the name of a secret, the value never stands here");
const scalar = z.union([z.string().max(4096), z.number().finite(), z.boolean()]);
const httpUrl = z
  .string()
  .max(2048)
  .refine((text) => /^https?:\/\/[^/\\\s@]+(\/[^\s\\]*)?$/i.test(text) && URL.canParse(text), {
    message: "an http(s) URL without user, password or white space",
  })
  .refine((text) => !/[?#]/.test(text), { message: "a URL without query or fragment" });
const relativeFile = z
  .string()
  .min(1)
  .max(1024)
  .refine((text) => !text.includes("\0"), { message: "a file path" });

const model = z
  .strictObject({
    provider: z.enum(["openai-compatible", "anthropic"]).describe("protocol the model speaks"),
    base_url: httpUrl.describe("base URL; an address that is not public must also stand under egress.allow_internal"),
    name: z.string().min(1).max(200).describe("model name, as the provider spells it"),
    credential: secretRef.optional().describe("secret:NAME; the broker adds it, the gate never sees it"),
  })
  .describe("the model this agent asks");

const agent = z.strictObject({
  instructions: relativeFile.describe("path of a text file, relative to this file; part of the release"),
  model,
});

const limits = z
  .strictObject({
    messages_per_user: rate.optional().describe("messages one user may send"),
    tokens_per_turn: z.int().min(100).max(10_000_000).default(60_000).describe("tokens one turn may use"),
    usd_per_day: z.number().positive().max(1_000_000).optional().describe("US dollars a day for model calls"),
    steps_per_turn: z.int().min(1).max(200).default(20).describe("model answers one turn may take"),
    turn_timeout: duration.default("10m").describe("time one turn may take, waiting for a person not counted"),
  })
  .prefault({});

const channels = z
  .strictObject({
    api: z
      .strictObject({
        users: z.array(z.string().min(1).max(254)).min(1).max(1000).describe("who may speak: exact or *@domain"),
      })
      .optional(),
  })
  .prefault({});

const label = z.enum(["record", "untrusted"]);

const record = z.strictObject({
  file: relativeFile.describe("SQLite file, relative to this file; opened read-only by the broker"),
  sql: z.string().min(1).max(8192).describe("one SELECT; values only through :named parameters"),
  bind: z.record(identifier, scalar).default({}).describe("parameters fixed by the operator, hidden from the model"),
  returns: z.record(property, label).default({}).describe("label per column; unnamed columns are record"),
  max_rows: z.int().min(1).max(1000).default(100),
});

const review = z.strictObject({
  by: name.describe("the role whose members may decide"),
  count: z.int().min(1).max(5).default(1).describe("how many different people must approve"),
  expires: duration.default("4h").describe("undecided after this means denied"),
});

export const contract = z
  .strictObject({
    effect: z.enum(["read", "local", "reversible", "outward", "irreversible"]),
    impact: z.enum(["none", "spend", "access", "publish", "customer"]).default("none"),
    authority: z.array(property).max(64).default([]).describe("arguments that decide who, where, which, how much"),
    payload: z.array(property).max(64).default([]).describe("arguments that are content only"),
    bind: z.record(property, scalar).default({}).describe("arguments fixed by the operator, hidden from the model"),
    max: z
      .record(property, z.number().finite().min(0))
      .default({})
      .describe("upper bound of a numeric argument; per_day bounds the number of calls a day"),
    review: review.optional(),
    returns: z.record(property, label).default({}).describe("label per field of the result; unnamed fields are untrusted"),
    timeout: duration.default("30s"),
  })
  .describe("what one tool may do");

const server = z.strictObject({
  url: httpUrl.describe("MCP endpoint (Streamable HTTP)"),
  credential: z.strictObject({ secret: secretName, as: z.literal("bearer") }).optional(),
  tools: z.record(toolName, contract).describe("a tool that is not named does not exist"),
});

const hostPort = z
  .string()
  .regex(/^(\[[0-9a-fA-F:]{2,45}\]|[A-Za-z0-9.-]{1,253}):[1-9][0-9]{0,4}$/, "HOST:PORT, such as 127.0.0.1:7411");
const allowUrl = z
  .string()
  .max(2048)
  .regex(/^https:\/\/[A-Za-z0-9.-]+(:[0-9]{1,5})?\/[^\s\\?#]*$/, "https://HOST/PATH, the path may end in *");

const egress = z
  .strictObject({
    allow: z.array(allowUrl).max(200).default([]).describe("https destinations the agent may reach"),
    allow_internal: z.array(hostPort).max(50).default([]).describe("HOST:PORT of this machine or network, one by one"),
  })
  .prefault({});

export const manifestSchema = z
  .strictObject({
    version: z.literal(1),
    name: name.describe("name of the deployment"),
    purpose: z.string().min(1).max(500).describe("one sentence: what this agent is for"),
    agent,
    limits,
    channels,
    records: z.record(identifier, record).default({}),
    servers: z.record(name, server).default({}),
    egress,
  })
  .describe("Ambit deployment file");

export type Manifest = z.infer<typeof manifestSchema>;
export type Contract = z.infer<typeof contract>;
export type RecordView = z.infer<typeof record>;

/** Refuses files above this many bytes before any parser sees them. */
export const maxManifestBytes = 262_144;

const unitMs = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** Milliseconds of a duration that the schema has accepted. */
export function durationMs(text: string): number {
  const unit = /[a-z]+$/.exec(text)?.[0] as keyof typeof unitMs | undefined;
  if (unit === undefined || !durationPattern.test(text)) throw new Error(`not a duration: ${text}`);
  return Number.parseInt(text, 10) * unitMs[unit];
}

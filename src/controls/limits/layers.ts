// Control `rate-limits`: several limits on one act, such as those of the user, the channel and the deployment. All are
// tested before any is charged, so a refusal leaves no trace in any of them: whoever is over a limit cannot use up what
// belongs to others.
import type { Refusal } from "../../boundary.ts";
import { personKey } from "../access/people.ts";
import type { Manifest } from "../manifest/schema.ts";
import { decideRate } from "./gcra.ts";
import { parseRate, type Rate } from "./rate.ts";

type Limits = Manifest["limits"];

export interface Layer {
  readonly name: "user" | "channel" | "deployment";
  /** The field of the deployment file that sets it. */
  readonly field: string;
  /** What is counted together. */
  readonly key: string;
  readonly rate: Rate;
}

/** Where a layer stands after a decision; what is left is null when others had a part in it, too. */
export interface Standing {
  readonly layer: Layer;
  readonly remaining: number | null;
  readonly afterMs: number;
}

/** What is to be stored for a layer. */
export interface Charge {
  readonly layer: Layer;
  readonly tat: number;
}

export type LayersDecision =
  | {
      readonly allowed: true;
      readonly charges: readonly Charge[];
      /** The layer with the least left; undefined when there is no limit. */
      readonly tightest: Standing | undefined;
    }
  | {
      readonly allowed: false;
      readonly refusal: Refusal;
      readonly refused: Standing;
      /** Stored numbers that only a clock which jumped back can explain, as they must be now. */
      readonly corrections: readonly Charge[];
    };

/** Limits on the messages of one user of one channel. */
export function messageLayers(limits: Limits, channel: string, user: string): Layer[] {
  return [
    ...layerOf("user", "messages_per_user", limits, `${channel}\n${personKey(user)}`),
    ...layerOf("channel", "messages_per_channel", limits, channel),
    ...layerOf("deployment", "messages_per_deployment", limits, ""),
  ];
}

/** Limits on the tool calls of one user of one channel. */
export function callLayers(limits: Limits, channel: string, user: string): Layer[] {
  return [
    ...layerOf("user", "calls_per_user", limits, `${channel}\n${personKey(user)}`),
    ...layerOf("deployment", "calls_per_deployment", limits, ""),
  ];
}

/** Tests all layers at `now`, milliseconds since the epoch; `tatOf` is what was stored for a layer. */
export function decideLayers(
  layers: readonly Layer[],
  tatOf: (layer: Layer) => number | undefined,
  now: number,
): LayersDecision {
  const decided = layers.map((each) => ({ layer: each, ...decideRate(tatOf(each), now, each.rate) }));
  const over = decided.filter((one) => !one.allowed).toSorted((a, b) => b.retryAfterMs - a.retryAfterMs);
  const [longest] = over;
  if (longest) {
    const refused = { layer: longest.layer, remaining: 0, afterMs: longest.retryAfterMs };
    const corrections = over.filter(({ layer, tat }) => tatOf(layer) !== tat);
    return { allowed: false, refusal: refusalOf(refused), refused, corrections };
  }
  const charges = decided.filter((one) => one.allowed);
  const [least] = charges.toSorted((a, b) => a.remaining - b.remaining);
  return { allowed: true, charges, tightest: least && standingOf(least.layer, least.remaining, least.fullAfterMs) };
}

/** Somebody who could not be remembered would not be limited: while all who are remembered are at their limit, nobody new comes in. */
export function refuseNew(layer: Layer, afterMs: number): LayersDecision {
  const seconds = Math.ceil(afterMs / 1000);
  const message = `as many users as are remembered have used up their ${whatOf(layer)}; a new one is possible in ${seconds} s`;
  const refusal: Refusal = { control: "rate-limits", reason: reasonOf(layer), field: layer.field, message };
  return { allowed: false, refusal, refused: { layer, remaining: 0, afterMs }, corrections: [] };
}

/** What is left of a shared limit would tell how much the others use. */
function standingOf(layer: Layer, remaining: number, afterMs: number): Standing {
  return { layer, remaining: layer.name === "user" ? remaining : null, afterMs };
}

function layerOf(name: Layer["name"], limit: keyof Limits, limits: Limits, counted: string): Layer[] {
  const rate = limits[limit];
  if (typeof rate !== "string") return [];
  return [{ name, field: `limits.${limit}`, key: `${limit}\n${counted}`, rate: parseRate(rate) }];
}

function refusalOf({ layer, afterMs }: Standing): Refusal {
  const { name, field, rate } = layer;
  const whose = name === "user" ? "this user" : `this ${name}`;
  const message = `${whose} has used up its ${whatOf(layer)} (${rate.burst} in ${rate.windowSeconds} s); one more is possible in ${Math.ceil(afterMs / 1000)} s`;
  return { control: "rate-limits", reason: reasonOf(layer), field, message };
}

function whatOf({ field }: Layer): "calls" | "messages" {
  return field.startsWith("limits.calls") ? "calls" : "messages";
}

function reasonOf(layer: Layer): string {
  return whatOf(layer) === "calls" ? "limit_reached" : "too_many_messages";
}

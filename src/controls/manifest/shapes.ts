// Control `schemas`: the small shapes that a deployment file is made of: names, durations, rates, texts, URLs. An attacker
// wants a text that reads as another one, or a number that wraps; each shape says in one line what it takes.
import { z } from "zod";
import { isHostName } from "../access/host-name.ts";
import { isPrintable } from "./printable.ts";

/** Duration such as `500ms`, `30s`, `10m`, `4h`, `30d`. */
export const durationPattern = /^[1-9][0-9]{0,5}(ms|s|m|h|d)$/;
const unitMs = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** Timers hold 31 bits of milliseconds: a longer one fires at once. */
export function duration(most: string) {
  const aDuration = "a duration such as 30s, 10m, 4h or 30d";
  const shape = z.string({ error: aDuration }).regex(durationPattern, { error: aDuration, abort: true });
  return shape.refine((text) => durationMs(text) <= durationMs(most), { error: `a duration of at most ${most}` });
}

/** One line that an operator is shown. */
export function line(most: number) {
  const error = "one line without control or invisible characters";
  return z.string().min(1).max(most).refine(isPrintable, { error });
}

/** Text that is handed on. */
export function plainText(most: number) {
  return z
    .string()
    .max(most)
    .refine((value) => value.isWellFormed() && !value.includes("\0"), { error: "plain text" });
}
/** Rate such as `20/min`. */
export const ratePattern = /^[1-9][0-9]{0,6}\/(s|min|h|day)$/;
const aRate = "a rate such as 20/min, 100/h or 5/s";
export const rate = z.string({ error: aRate }).regex(ratePattern, aRate);
const anAmount = "a number from 0, without quotes and without a currency, such as 5000 or 49.5";
/** Bound of a value, a sum or a count. */
export const amount = z.number({ error: anAmount }).finite().min(0, anAmount);
/** Names become socket paths and host labels: short, lower case, no dots. */
export const namePattern = /^[a-z][a-z0-9-]{0,38}[a-z0-9]$/;
export const name = z
  .string()
  .regex(namePattern, "2 to 40 lower-case letters, digits and dashes, starting with a letter");
export const identifier = z
  .string()
  .regex(/^[a-z][a-z0-9_]{0,47}$/, "1 to 48 lower-case letters, digits and underscores");
/** MCP tool names as servers really use them. */
export const toolName = z.string().regex(/^[A-Za-z][A-Za-z0-9_.-]{0,63}$/, "1 to 64 letters, digits, _ . and -");
export const property = z.string().regex(/^[A-Za-z_][A-Za-z0-9_.-]{0,63}$/, "a top-level property name");
/** The name of a secret, and its longest value in characters. */
export const secretNamePattern = /^[a-z][a-z0-9_-]{0,47}$/;
export const maxSecretLength = 8192;
export const secretRef = z
  .string()
  .regex(/^secret:[a-z][a-z0-9_-]{0,47}$/, "secret:NAME, the value itself never stands here");
export const secretName = z.string().regex(secretNamePattern, "the name of a secret, the value never stands here");
export const scalar = z.union([plainText(4096), z.number().finite(), z.boolean()], {
  error: "a text, a number, true or false",
});
export const httpUrl = line(2048)
  .refine((url) => /^https?:\/\/[^/\\\s@]+(\/[^\s\\]*)?$/i.test(url) && URL.canParse(url), {
    error: "an http(s) URL without user, password or white space",
  })
  .refine((url) => !/[?#]/.test(url), { error: "a URL without query or fragment" });
/** The text of this file goes to the model: it must not be able to name any file of whoever deploys it. */
export const fileBeside = line(1024).refine((path) => !path.startsWith("/") && !path.split("/").includes(".."), {
  error: "a file in the folder of this file or below it",
});
/** One spelling of a path of that kind. */
export function plainPath(path: string): string {
  return path
    .split("/")
    .filter((step) => step !== "" && step !== ".")
    .join("/");
}

/** Host name under which the front serves a deployment, as a `Host` header is read. */
export const hostName = z.string().refine(isHostName, {
  error: "a host name in lower case such as clerk.example.com; other letters as xn--...; no port, no address",
});

/** A person as a channel or a surface knows them: a whole name, or everybody of a mail domain. */
export const user = line(254).regex(/^(\*@[^*@\s]+|[^*]+)$/, "a whole name, or *@domain");

/** People, or a group of the file by name. */
export const member = user.refine((text) => !text.startsWith("group:") || groupPattern.test(text), {
  error: "group:NAME, as under groups",
});
const groupPattern = /^group:[a-z][a-z0-9-]{0,38}[a-z0-9]$/;

/** Milliseconds of a duration that the schema has accepted. */
export function durationMs(text: string): number {
  const unit = /[a-z]+$/.exec(text)?.[0] as keyof typeof unitMs | undefined;
  if (unit === undefined || !durationPattern.test(text)) throw new Error(`not a duration: ${text}`);
  return Number.parseInt(text, 10) * unitMs[unit];
}

// Control `least-privilege`: an overlay's keys into those of the file before it, by one rule: objects are merged key by key,
// every other value takes the place of the one before, and `off` takes a named thing away. Nothing here narrows by itself:
// whether the outcome is narrower is asked afterwards of the facts (overlay.ts), and a mistake here must not be able to hide.

/** What an overlay says in place of a server, a tool, a record view or a channel to take it away. */
const off = "off";

export type Path = readonly string[];
type Plain = Record<string, unknown>;

/** Where things have names: a thing that the file before does not have cannot be narrowed. `*` is any name. */
const named: readonly Path[] = [
  ["servers", "*"],
  ["servers", "*", "tools", "*"],
  ["records", "*"],
  ["channels", "*"],
  ["approvers", "*"],
];

export function isPlain(value: unknown): value is Plain {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Paths of the named things that `value` speaks of. */
export function namedIn(value: unknown): Path[] {
  return named.flatMap((pattern) => matches(value, pattern, []));
}

function matches(value: unknown, pattern: Path, path: Path): Path[] {
  const [step, ...rest] = pattern;
  if (step === undefined) return [path];
  if (!isPlain(value)) return [];
  const keys = Object.keys(value).filter((key) => step === "*" || step === key);
  return keys.flatMap((key) => matches(value[key], rest, [...path, key]));
}

/** The value at a path, undefined where there is none. */
export function at(value: unknown, path: Path): unknown {
  const [step, ...rest] = path;
  if (step === undefined) return value;
  return isPlain(value) && Object.hasOwn(value, step) ? at(value[step], rest) : undefined;
}

/** Those of the named things that an overlay takes away. Of a role only people go, so `off` is none. */
export function offIn(overlay: unknown): Path[] {
  return namedIn(overlay).filter((path) => path[0] !== "approvers" && at(overlay, path) === off);
}

/** The value without what stands at these paths. */
export function without(value: unknown, paths: readonly Path[]): unknown {
  return paths.reduce<unknown>(withoutOne, value);
}

function withoutOne(value: unknown, [step, ...rest]: Path): unknown {
  if (step === undefined || !isPlain(value) || !Object.hasOwn(value, step)) return value;
  const { [step]: inner, ...others } = value;
  return rest.length === 0 ? others : { ...value, [step]: withoutOne(inner, rest) };
}

/** `overlay` into `base`; neither is changed. */
export function merge(base: unknown, overlay: unknown): unknown {
  if (!isPlain(base) || !isPlain(overlay)) return overlay;
  const merged = Object.entries(overlay).map(([key, value]) => [
    key,
    Object.hasOwn(base, key) ? merge(base[key], value) : value,
  ]);
  return { ...base, ...(Object.fromEntries(merged) as Plain) };
}

/** Where a merge puts a value in the place of another one, or where there was none. */
export function replacements(base: unknown, overlay: unknown, path: Path = []): Path[] {
  if (!isPlain(base) || !isPlain(overlay)) return [path];
  return Object.keys(overlay).flatMap((key) => replacements(at(base, [key]), overlay[key], [...path, key]));
}

/** An overlay that says nothing but what this one says at `path`. */
export function only(overlay: unknown, path: Path): unknown {
  return path.reduceRight<unknown>((value, step) => ({ [step]: value }), at(overlay, path));
}

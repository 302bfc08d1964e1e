// Control `least-privilege`, `redeploys`: files of a customer that only narrow what a deployment file grants. An attacker
// who may write one wants a key that allows more. So it does not matter what the merge did: the facts of the file before
// and after each overlay are compared, and anything that grew, or that steers otherwise, refuses the whole file. Pure: the
// command line and the supervisor compute the same from the same texts.
import { describeChange, diffFacts, type AuthorityDiff, type Change } from "./authority.ts";
import { roleFacts, type Fact } from "./authority-fact.ts";
import { listAuthority } from "./authority-facts.ts";
import { closest } from "./closest.ts";
import { at, isPlain, merge, namedIn, offIn, only, replacements, without, type Path } from "./overlay-merge.ts";
import { overlaySchema } from "./overlay-schema.ts";
import { dotted, explainIssues, parseYaml, type FileProblem, type YamlFile } from "./parse.ts";
import { printable } from "./printable.ts";
import { maxOverlayBytes } from "./release.ts";
import { manifestSchema, type Manifest } from "./schema.ts";

export interface OverlayFile {
  /** As the deployment file names it. */
  readonly file: string;
  readonly text: string;
}

/** What one overlay takes away. */
export interface Narrowing {
  readonly file: string;
  readonly shrank: readonly Change[];
}

export type Overlaid =
  | { readonly manifest: Manifest; readonly narrowed: readonly Narrowing[] }
  | { readonly file: string; readonly problems: readonly FileProblem[] };

type Step = { readonly manifest: Manifest; readonly shrank: readonly Change[] } | { readonly problems: FileProblem[] };

/** Of this many keys the one that widens is looked for; beyond, what grew is told without its key. */
const maxBlamed = 200;

/** A deployment file with its overlays, one after the other. The first that is at fault ends it. */
export function applyOverlays(base: Manifest, files: readonly OverlayFile[]): Overlaid {
  let manifest = base;
  const narrowed: Narrowing[] = [];
  for (const { file, text } of files) {
    const step = applyOne(manifest, text);
    if ("problems" in step) return { file, problems: step.problems };
    narrowed.push({ file, shrank: step.shrank });
    manifest = step.manifest;
  }
  return { manifest, narrowed };
}

function applyOne(before: Manifest, text: string): Step {
  const limit = { most: maxOverlayBytes, hint: "An overlay holds only what it narrows" };
  return parseYaml<Step>(text, limit, (file) => {
    if (isPlain(file.value) && Object.hasOwn(file.value, "overlays"))
      return wrong(file, ["overlays"], "an overlay names no overlays: put them all into the deployment file");
    const gone = offIn(file.value);
    const said = without(file.value, gone);
    const shape = overlaySchema.safeParse(said, { reportInput: true });
    if (!shape.success) return explainShape(explainIssues(shape.error, file, overlaySchema).problems);
    const unknown = namedIn(file.value).find((path) => at(before, path) === undefined);
    if (unknown !== undefined) return wrong(file, unknown, explainUnknown(before, unknown));
    const merged = manifestSchema.safeParse(without(merge(before, said), gone), { reportInput: true });
    if (!merged.success) return explainIssues(merged.error, file, manifestSchema);
    const { grew, changed, shrank } = compare(before, merged.data);
    const wider = [...grew, ...changed];
    return wider.length === 0 ? { manifest: merged.data, shrank } : { problems: blame(before, said, file, wider) };
  });
}

function wrong(file: YamlFile, path: Path, message: string): { problems: FileProblem[] } {
  return { problems: [{ ...file.place(path), field: dotted(path), message }] };
}

/** A key of a deployment file may be none of an overlay. */
function explainShape(problems: readonly FileProblem[]): { problems: FileProblem[] } {
  const why = ": an overlay has only the keys that bound something (docs/overlays.md)";
  const explain = (message: string): string => (/^unknown key "[^"]*"$/.test(message) ? message + why : message);
  return { problems: problems.map((problem) => ({ ...problem, message: explain(problem.message) })) };
}

function explainUnknown(before: Manifest, path: Path): string {
  const name = path.at(-1) ?? "";
  const known = at(before, path.slice(0, -1));
  const guess = closest(name, isPlain(known) ? Object.keys(known) : []);
  return `"${printable(name)}" does not stand in the deployment file, so there is nothing to narrow${guess ? `; did you mean "${guess}"?` : ""}`;
}

/** Roles that decide nothing yet count too: the next overlay could let them. */
function compare(before: Manifest, after: Manifest): AuthorityDiff {
  return diffFacts(factsOf(before), factsOf(after));
}

function factsOf(manifest: Manifest): Fact[] {
  const roles = Object.keys(manifest.approvers).flatMap((role) => roleFacts(role, manifest));
  return [...listAuthority({ manifest, instructions: "", policy: null, recordFiles: {} }), ...roles];
}

/** The keys that widen, each tried alone; where only several together do, what grew. */
function blame(before: Manifest, said: unknown, file: YamlFile, wider: readonly Change[]): FileProblem[] {
  const paths = replacements(before, said).slice(0, maxBlamed);
  const found = paths.flatMap((path) => {
    const alone = manifestSchema.safeParse(merge(before, only(said, path)));
    if (!alone.success) return [];
    const { grew, changed } = compare(before, alone.data);
    const [first] = [...grew, ...changed];
    if (first === undefined) return [];
    const values = `${show(at(before, path))} -> ${show(at(said, path))}`;
    const message = `an overlay can only narrow, and this allows more: ${values} (${describeChange(first)})`;
    return [{ ...file.place(path), field: dotted(path), message }];
  });
  if (found.length > 0) return found.slice(0, 20);
  const lines = wider.slice(0, 5).map(describeChange).join("; ");
  return [{ ...file.place([]), field: "", message: `an overlay can only narrow, and this allows more: ${lines}` }];
}

function show(value: unknown): string {
  return value === undefined ? "nothing" : printable(JSON.stringify(value), 120);
}

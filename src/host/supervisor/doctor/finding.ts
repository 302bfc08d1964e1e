// Control `runtime`: what a look at one thing comes to. `weak` is what a start would go on without; `fail` is what keeps it
// from starting, or a deployment from being served. A look that throws is a failed one, in its own words.
import type { DeploymentList, HostStatus } from "../../../controls/wire/control.ts";
import type { Places } from "../places.ts";

export interface Finding {
  /** What was looked at, in a word or two. */
  readonly check: string;
  readonly level: "ok" | "weak" | "fail";
  readonly found: string;
  /** What that means; null where nothing is wrong. */
  readonly means: string | null;
  readonly fix: string | null;
}

/** What is looked at. */
export interface Patient {
  readonly places: Places;
  readonly uid: number;
  /** What a running host says, or why none could be asked. */
  readonly running: { readonly status: HostStatus; readonly deployments: DeploymentList["deployments"] } | string;
}

export function ok(check: string, found: string): Finding {
  return { check, level: "ok", found, means: null, fix: null };
}

export function weak(check: string, found: string, means: string, fix: string): Finding {
  return { check, level: "weak", found, means, fix };
}

export function fail(check: string, found: string, means: string, fix: string): Finding {
  return { check, level: "fail", found, means, fix };
}

/** Where a start would refuse, its own words say how to mend it. */
export const asSaid = "do as it says";

/** Looks; whatever is thrown is a failure that means `means`. */
export function look(check: string, means: string, fix: string, work: () => Finding | Finding[]): Finding[] {
  try {
    return [work()].flat();
  } catch (error) {
    return [fail(check, (error as Error).message, means, fix)];
  }
}

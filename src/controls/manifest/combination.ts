// Control `workflow`: three harmless things that are unsafe together. Whoever writes text that the agent reads, plus records
// that text should not see, plus a way out that neither a person nor a bound watches, is a leak that needs no fault at all
// (Meta's "Agents Rule of Two": at most two of the three without supervision). Read from the deployment file alone.
import type { Contract, Manifest } from "./schema.ts";

export interface Combination {
  /** What brings in text that somebody else may have written. */
  readonly untrusted: readonly string[];
  /** What gives the agent data that is not public. */
  readonly private: readonly string[];
  /** Ways out that nobody watches: no person, and no bound on every argument that decides, or on the calls. */
  readonly unwatched: readonly string[];
}

interface Tool {
  readonly field: string;
  readonly server: Manifest["servers"][string];
  readonly contract: Contract;
}

/** Which tool or view gives which of the three; unsafe when none is empty. */
export function findCombination(manifest: Manifest): Combination {
  const tools = Object.entries(manifest.servers).flatMap(([name, server]) =>
    Object.entries(server.tools).map(([tool, contract]) => ({
      field: `servers.${name}.tools.${tool}`,
      server,
      contract,
    })),
  );
  const views = Object.entries(manifest.records).map(([view, { returns }]) => ({ field: `records.${view}`, returns }));
  const isPrivate = ({ server, contract }: Tool) => contract.effect === "read" && !isPublic(server, manifest);
  return {
    untrusted: [
      ...views.filter(({ returns }) => hasUntrusted(returns)).map(({ field }) => field),
      ...tools.filter(({ contract }) => isUntrusted(contract)).map(({ field }) => field),
    ],
    private: [...views.map(({ field }) => field), ...tools.filter(isPrivate).map(({ field }) => field)],
    unwatched: tools.filter(({ contract }) => isUnwatched(contract, manifest.mode)).map(({ field }) => field),
  };
}

/** A result of which no field is named is untrusted as a whole. */
function isUntrusted({ returns }: Contract): boolean {
  return Object.keys(returns).length === 0 || hasUntrusted(returns);
}

function hasUntrusted(returns: Contract["returns"]): boolean {
  return Object.values(returns).includes("untrusted");
}

/** What a stranger could ask as well. */
function isPublic({ credential, url }: Manifest["servers"][string], { egress }: Manifest): boolean {
  const { hostname, port, protocol } = new URL(url);
  const place = `${hostname}:${port || (protocol === "https:" ? "443" : "80")}`;
  return credential === undefined && !egress.allow_internal.some((listed) => listed.toLowerCase() === place);
}

function isUnwatched(contract: Contract, mode: Manifest["mode"]): boolean {
  const { effect, impact, review, authority, max, total, only } = contract;
  // Observing, nobody is asked and no bound holds.
  if (mode === "observe") return effect === "outward" || effect === "irreversible";
  // Whatever cannot be undone, has an impact or a review waits for a person.
  if (effect !== "outward" || impact !== "none" || review !== undefined) return false;
  const isCounted = ["per_turn", "per_user", "per_day"].some((key) => max[key] !== undefined);
  const isBounded = (name: string) => [max, total, only].some((bounds) => Object.hasOwn(bounds, name));
  return !isCounted && !(authority.length > 0 && authority.every(isBounded));
}

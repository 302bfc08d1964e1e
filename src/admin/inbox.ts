// Control `review`: what waits for people, of all deployments. The gates are the truth: each is asked through the supervisor, a
// few at a time, and one that does not answer is named, never left out in silence. While somebody watches, what is held is
// kept here and read again from a gate when its chain tells of a vote or an end, so that many readers ask no more than one.
import { z } from "zod";
import { approvalList, approvalView, type ApprovalState } from "../controls/wire/gate.ts";
import type { EventPuller } from "./event-puller.ts";
import type { HostLink } from "./host-link.ts";
import { inParallel } from "./in-parallel.ts";
import type { Refused } from "./problem.ts";
import { askDeployments } from "./routes/deployments.ts";

export const inboxItem = approvalView.extend({ deployment: z.string() });
export type InboxItem = z.infer<typeof inboxItem>;
export const unreachable = z.array(z.strictObject({ deployment: z.string(), why: z.string() }));

export interface InboxList {
  readonly items: readonly InboxItem[];
  /** Of deployments with more than one answer of their gate holds: how many more, newer than these. */
  readonly more: Readonly<Record<string, number>>;
  readonly unreachable: z.infer<typeof unreachable>;
}

/** Gates that are asked at once: the supervisor passes on 32 requests of all that ask it. */
const atOnce = 6;
const askMs = 5000;
/** How long a gate that did not answer is left alone, and all others that told of nothing, while somebody watches. */
const againMs = 3000;
const allAgainMs = 30_000;

const telling = new Set([
  ...["call_held", "approval_given", "call_approved", "call_denied", "call_expired", "call_voided"],
]);

type Asked = { readonly items: InboxItem[]; readonly more: number } | Refused;

export class Inbox {
  readonly #host: HostLink;
  readonly #puller: EventPuller;
  readonly #watchers = new Set<() => void>();
  readonly #held = new Map<string, Asked>();
  readonly #dirty = new Set<string>();
  readonly #asking = new Map<string, Promise<void>>();
  #isWhole = false;
  #over: (() => void) | undefined;

  constructor(host: HostLink, puller: EventPuller) {
    this.#host = host;
    this.#puller = puller;
  }

  /** Calls in a state, of one deployment or of all. */
  async list(state: ApprovalState, deployment?: string): Promise<InboxList | Refused> {
    const all = await askDeployments(this.#host);
    if ("code" in all) return all;
    const names = all.value.deployments.map((one) => one.name).filter((one) => (deployment ?? one) === one);
    const answers = await inParallel(names, atOnce, async (one) => [one, await this.#ask(one, state)] as const);
    return gather(answers);
  }

  /** One call, whatever became of it. */
  async one(deployment: string, callId: string): Promise<{ readonly value: InboxItem } | Refused> {
    const path = `/v1/deployments/${deployment}/gate/control/approvals/${callId}`;
    const got = await this.#host.ask({ method: "GET", path, answer: approvalView, actor: null, timeoutMs: askMs });
    return "code" in got ? got : { value: { deployment, ...got.value } };
  }

  /** What is held now; undefined until all were asked. Only while somebody watches. */
  get held(): InboxList | undefined {
    return this.#isWhole ? gather([...this.#held]) : undefined;
  }

  /** Keeps `held` true until the returned function is called; `onChange` is called when it changed. */
  watch(onChange: () => void): () => void {
    this.#watchers.add(onChange);
    if (this.#watchers.size === 1) this.#begin();
    return () => {
      this.#watchers.delete(onChange);
      if (this.#watchers.size === 0) this.#over?.();
    };
  }

  #begin(): void {
    const readAll = async (): Promise<void> => {
      const all = await askDeployments(this.#host);
      if ("code" in all) return;
      const names = new Set(all.value.deployments.map((one) => one.name));
      for (const name of this.#held.keys()) if (!names.has(name)) this.#held.delete(name);
      for (const name of names) this.#dirty.add(name);
      await this.#read();
      this.#isWhole = true;
      this.#tell();
    };
    const readFailed = (): void => {
      for (const [name, asked] of this.#held) if ("code" in asked) this.#dirty.add(name);
      void (this.#isWhole ? this.#read() : readAll());
    };
    const unlisten = this.#puller.onEntries((deployment, entries) => {
      if (entries.some(({ event }) => event === "deployed" || event === "removed")) return void readAll();
      if (!entries.some(({ event }) => telling.has(event))) return;
      this.#dirty.add(deployment);
      void this.#read();
    });
    const timers = [setInterval(readFailed, againMs), setInterval(() => void readAll(), allAgainMs)];
    this.#over = () => {
      unlisten();
      for (const timer of timers) clearInterval(timer);
      this.#held.clear();
      this.#isWhole = false;
    };
    void readAll();
  }

  /** Has the gates asked whose answer may be old, and waits until none is. */
  async #read(): Promise<void> {
    this.#askNext();
    while (this.#asking.size > 0) await Promise.race(this.#asking.values());
  }

  /** Each gate has a place of its own, so that one that hangs delays nothing of others; half is kept from silent ones. */
  #askNext(): void {
    if (this.#watchers.size === 0) return this.#dirty.clear();
    for (const name of this.#dirty) {
      const before = this.#held.get(name);
      const isSilent = before !== undefined && "code" in before;
      if (this.#asking.has(name) || this.#asking.size >= (isSilent ? atOnce / 2 : atOnce)) continue;
      this.#dirty.delete(name);
      const asking = this.#readOne(name).finally(() => {
        this.#asking.delete(name);
        this.#askNext();
      });
      this.#asking.set(name, asking);
    }
  }

  async #readOne(name: string): Promise<void> {
    const asked = await this.#ask(name, "held");
    if ("code" in asked && asked.code === "no_such_deployment") this.#held.delete(name);
    else this.#held.set(name, asked);
    this.#tell();
  }

  #tell(): void {
    for (const onChange of this.#watchers) onChange();
  }

  async #ask(deployment: string, state: ApprovalState): Promise<Asked> {
    const path = `/v1/deployments/${deployment}/gate/control/approvals?state=${state}`;
    const got = await this.#host.ask({ method: "GET", path, answer: approvalList, actor: null, timeoutMs: askMs });
    if ("code" in got) return got;
    return { items: got.value.approvals.map((view) => ({ deployment, ...view })), more: got.value.more };
  }
}

/** All answers as one list, oldest first. */
function gather(answers: readonly (readonly [string, Asked])[]): InboxList {
  const items: InboxItem[] = [];
  const more: Record<string, number> = {};
  const silent: { deployment: string; why: string }[] = [];
  for (const [deployment, asked] of answers) {
    if ("code" in asked) silent.push({ deployment, why: asked.detail });
    else items.push(...asked.items);
    if (!("code" in asked) && asked.more > 0) more[deployment] = asked.more;
  }
  const sorted = items.toSorted((a, b) => (placeOf(a) < placeOf(b) ? -1 : 1));
  return { items: sorted, more, unreachable: silent.toSorted((a, b) => (a.deployment < b.deployment ? -1 : 1)) };
}

/** Where a call stands in the list: by when it was asked. */
export function placeOf({ created, deployment, callId }: InboxItem): string {
  return `${created}~${deployment}~${callId}`;
}

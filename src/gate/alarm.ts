// The alarm of one conversation, which walks on after a kill. Setting it costs a commit of its own in the engine's list of
// alarms, before the message's own commit; so one that rings soon enough stays. What must stay true: whoever has work has an
// alarm on disk that rings in time. In doubt it is set: nothing is believed of one that rang, that should have rung, or that
// another instance set.

export class Alarm {
  readonly #set: (at: number) => void;
  /** When it rings, as far as this instance knows; milliseconds since the epoch. */
  #at: number | undefined;

  /** @param set makes it ring at `at`, milliseconds since the epoch, as part of the commit under way */
  constructor(set: (at: number) => void) {
    this.#set = set;
  }

  /** It rings in `ms` milliseconds at the latest. */
  ringWithin(ms: number, now: number): void {
    if (this.#at === undefined || this.#at <= now || this.#at > now + ms) this.ringIn(ms, now);
  }

  /** It rings in `ms` milliseconds and not before. */
  ringIn(ms: number, now: number): void {
    this.#at = now + ms;
    this.#set(this.#at);
  }

  /** It rang: the engine forgets it when what it started has ended. */
  rang(): void {
    this.#at = undefined;
  }
}

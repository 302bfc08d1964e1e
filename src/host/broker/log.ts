// Control `audit`: one JSON line per event on standard output. An attacker wants secrets, bodies or queries in the log, or
// the log so full that nobody can read it, or a flood of harmless lines to hide one that is not. Must stay true: only the
// fields named at each call get in, each is short, and what anyone behind a door can cause at will is counted instead of
// printed once it comes too fast, but for the first line about each destination.

export type Level = "info" | "warn" | "error";
export type Fields = Readonly<Record<string, string | number | boolean | null>>;
export type Log = (level: Level, event: string, fields?: Fields) => void;

/** Lines a second that what one deployment causes may take. */
const linesPerSecond = 20;
/** Destinations that are told apart in one second; a deployment file lists fewer. */
const maxTopics = 500;

/** @param write takes one line with its line end */
export function openLog(write: (line: string) => void): Log {
  return (level, event, fields = {}) => {
    write(`${JSON.stringify({ ts: new Date().toISOString(), level, process: "broker", event, ...shorten(fields) })}\n`);
  };
}

/** The same log, with `hide` over every text that it is given: what others said may hold what we sent them. */
export function hideIn(log: Log, hide: (text: string) => string): Log {
  return (level, event, fields = {}) => {
    const shown = Object.entries(fields).map(([key, value]) => [key, typeof value === "string" ? hide(value) : value]);
    log(level, event, Object.fromEntries(shown) as Fields);
  };
}

/**
 * A log for events that a gate can cause as fast as it likes; what is left out is counted in the next line.
 * @param topicOf in each second the first line about a topic is never left out
 */
export function limitLog(
  log: Log,
  topicOf: (fields: Fields) => string | null = () => null,
  now: () => number = Date.now,
): Log {
  let [second, lines, suppressed] = [0, 0, 0];
  const topics = new Set<string>();
  const isNew = (topic: string | null): boolean => {
    if (topic === null || topics.has(topic) || topics.size >= maxTopics) return false;
    topics.add(topic);
    return true;
  };
  return (level, event, fields = {}) => {
    const current = Math.floor(now() / 1000);
    if (current !== second) {
      [second, lines] = [current, 0];
      topics.clear();
    }
    lines += 1;
    if (!isNew(topicOf(fields)) && lines > linesPerSecond) {
      suppressed += 1;
      return;
    }
    log(level, event, suppressed === 0 ? fields : { ...fields, suppressed });
    suppressed = 0;
  };
}

function shorten(fields: Fields): Fields {
  const entries = Object.entries(fields).map(
    ([key, value]) => [key, typeof value === "string" ? value.slice(0, 500) : value] as const,
  );
  return Object.fromEntries(entries);
}

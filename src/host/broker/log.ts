// Control `audit`: one JSON line per event on standard output. An attacker wants secrets, bodies or queries in the log, or
// the log so full that nobody can read it. Must stay true: only the fields named at each call get in, each is short, and
// refusals that anyone behind a door can cause at will are counted instead of printed once they come too fast.

export type Level = "info" | "warn" | "error";
export type Fields = Readonly<Record<string, string | number | boolean | null>>;
export type Log = (level: Level, event: string, fields?: Fields) => void;

/** Lines a second that a deployment's refusals may take. */
const refusalsPerSecond = 20;

/** @param write takes one line with its line end */
export function openLog(write: (line: string) => void): Log {
  return (level, event, fields = {}) => {
    write(`${JSON.stringify({ ts: new Date().toISOString(), level, process: "broker", event, ...shorten(fields) })}\n`);
  };
}

/** A log for events that a gate can cause as fast as it likes; what is left out is counted in the next line. */
export function limitLog(log: Log, now: () => number = Date.now): Log {
  let [second, lines, suppressed] = [0, 0, 0];
  return (level, event, fields = {}) => {
    const current = Math.floor(now() / 1000);
    if (current !== second) [second, lines] = [current, 0];
    lines += 1;
    if (lines > refusalsPerSecond) {
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

// Control `runtime`: what the host says, one JSON object a line on standard output. A part that was taken over wants to
// flood the log, to write lines that look like another part's, or to stop the supervisor by not being read. So a child's
// words are a quoted member of our own line, stripped, cut and counted, and a reader who stalls loses lines and stops nobody.
import { write } from "node:fs";
import type { Readable } from "node:stream";
import type { JsonObject } from "../../boundary.ts";
import { stripLine } from "../../controls/logs/strip.ts";

export const maxLineBytes = 4096;
interface Rate {
  readonly burst: number;
  readonly perSecond: number;
}
/** Lines one process may write: a burst, refilled at so many a second. */
const usualRate: Rate = { burst: 200, perSecond: 50 };
/** The broker counts by itself what one deployment causes; if it were cut as well, one could silence the others' lines. */
const brokerRate: Rate = { burst: 1000, perSecond: 200 };
/** Bytes kept for a reader that does not read. */
const maxBacklog = 1_048_576;

export interface Log {
  /** Something the supervisor did or saw. */
  event(event: string, fields?: JsonObject): void;
  /** From now on every line goes to `file` as well. */
  keepIn(file: (line: string) => void): void;
  /** Passes on the lines of one stream of a child until it ends; `onLine` sees each before it is counted. */
  follow(process: string, stream: Readable, onLine?: (line: string) => void): void;
}

export interface LineWriter {
  write(line: string): void;
  /** A thread is writing: for ever, if nobody reads. */
  readonly isBusy: boolean;
}

/** Writes lines to a descriptor without ever blocking the event loop: a pipe that is full loses what does not fit. */
export function openLineWriter(fd: number): LineWriter {
  let waiting: string[] = [];
  let bytes = 0;
  let lost = 0;
  let busy = false;
  const flush = (): void => {
    if (busy || waiting.length === 0) return;
    busy = true;
    const text = Buffer.from(waiting.join(""));
    waiting = [];
    bytes = 0;
    const next = (offset: number): void =>
      write(fd, text, offset, text.length - offset, null, (error, written) => {
        // A reader that is gone (EPIPE) takes the lines with it; the host goes on.
        if (error === null && offset + written < text.length) return next(offset + written);
        busy = false;
        flush();
      });
    next(0);
  };
  const writeLine = (line: string): void => {
    if (bytes + line.length > maxBacklog) {
      lost++;
      return;
    }
    if (lost > 0) waiting.push(`${JSON.stringify({ event: "log_lines_lost", count: lost })}\n`);
    lost = 0;
    waiting.push(`${line}\n`);
    bytes += line.length;
    flush();
  };
  return {
    write: writeLine,
    get isBusy() {
      return busy;
    },
  };
}

/** Splits a stream into lines of at most `maxLineBytes`; what is longer is cut and the rest of that line thrown away. */
export function followLines(stream: Readable, onLine: (line: string) => void): void {
  let held = Buffer.alloc(0);
  let cut = false;
  const take = (part: Buffer): void => {
    if (!cut) held = Buffer.concat([held, part.subarray(0, maxLineBytes + 1 - held.length)]);
    cut ||= held.length > maxLineBytes;
  };
  const end = (): void => {
    if (held.length > 0) onLine(held.subarray(0, maxLineBytes).toString("utf8").trimEnd() + (cut ? " [cut]" : ""));
    held = Buffer.alloc(0);
    cut = false;
  };
  stream.on("data", (chunk: Buffer) => {
    let from = 0;
    for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, from)) {
      take(chunk.subarray(from, at));
      end();
      from = at + 1;
    }
    take(chunk.subarray(from));
  });
  stream.on("end", end);
  stream.on("error", () => undefined);
}

/** Says whether one more line may pass, and how many were dropped before it. */
function openMeter({ burst, perSecond }: Rate, now: () => number): () => { pass: boolean; dropped: number } {
  let tokens = burst;
  let last = now();
  let dropped = 0;
  return () => {
    const time = now();
    tokens = Math.min(burst, tokens + ((time - last) / 1000) * perSecond);
    last = time;
    if (tokens < 1) {
      dropped++;
      return { pass: false, dropped: 0 };
    }
    tokens--;
    const before = dropped;
    dropped = 0;
    return { pass: true, dropped: before };
  };
}

/** A log on `writeLine`, the one way on which lines leave: what looks like a secret stays here. `now` is in milliseconds. */
export function openLog(writeLine: (line: string) => void, now: () => number = Date.now): Log {
  const meters = new Map<string, ReturnType<typeof openMeter>>();
  let keep: (line: string) => void = () => undefined;
  const say = (fields: JsonObject): void => {
    const line = stripLine({ time: new Date(now()).toISOString(), ...fields });
    writeLine(line);
    keep(line);
  };
  const meterOf = (process: string): ReturnType<typeof openMeter> => {
    const meter = meters.get(process) ?? openMeter(process === "broker" ? brokerRate : usualRate, now);
    meters.set(process, meter);
    return meter;
  };
  return {
    keepIn: (file) => void (keep = file),
    event: (event, fields = {}) => say({ process: "supervisor", event, ...fields }),
    follow: (process, stream, onLine) =>
      followLines(stream, (line) => {
        onLine?.(line);
        const { pass, dropped } = meterOf(process)();
        if (dropped > 0) say({ process, event: "lines_dropped", count: dropped });
        if (pass) say({ process, line });
      }),
  };
}

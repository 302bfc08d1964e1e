// Runs test files with `node:test` and prints one JSON line for each thing that happened. A program of its own, because a
// test cannot start a test run inside its own process, and because whatever hangs below it can be ended with it.
// usage: node src/cli/test-run.ts '{"files": [...], "concurrency": 2, ...}' (see `TestRequest`)
import { run } from "node:test";
import type { TestEvent, TestRequest } from "./test-results.ts";

const { cwd, files, concurrency, timeout, fileLimit, forceExit, together, only } = JSON.parse(
  process.argv[2] ?? "",
) as TestRequest;
const names = only === undefined ? {} : { testNamePatterns: only.map((text) => new RegExp(text)) };
const write = process.stdout.write.bind(process.stdout);
if (together === true) {
  // What these tests print is not what this program says.
  process.stdout.write = process.stderr.write.bind(process.stderr) as typeof process.stdout.write;
  await tell(
    run({ cwd, files: [...files], timeout, isolation: "none", signal: AbortSignal.timeout(fileLimit), ...names }),
  );
} else {
  // A run for each file, so that a file that hangs is given up alone and what the others found is not lost.
  const queue = files.values();
  await Promise.all(Array.from({ length: concurrency }, () => runFiles(queue)));
}
print({ kind: "end" });

async function runFiles(queue: Iterable<string>): Promise<void> {
  for (const file of queue) {
    const signal = AbortSignal.timeout(fileLimit);
    await tell(run({ cwd, files: [file], timeout, forceExit, signal, isolation: "process", ...names }), file);
  }
}

/** Prints what a run tells; `path`: the one file that it is of. */
async function tell(events: ReturnType<typeof run>, path = ""): Promise<void> {
  for await (const { type, data } of events) {
    if (type === "test:stderr") print({ kind: "stderr", file: path, text: data.message.slice(0, 4_000) });
    if ((type !== "test:pass" && type !== "test:fail") || data.details.type === "suite") continue;
    const { name, file = "", line = 0 } = data;
    const place = { name, file, line };
    if (type === "test:fail") print({ kind: "fail", ...place, ...failureOf(data.details.error) });
    else if (data.todo !== undefined) print({ kind: "fail", ...place, failure: "todo", message: "a todo is no test" });
    else if (data.skip !== undefined) print({ kind: "skip", ...place, reason: String(data.skip) });
    else print({ kind: "pass", ...place });
  }
}

function failureOf(error: Error & { failureType?: string }): { failure: string; message: string } {
  const cause = error.cause ?? error.message;
  const text = cause instanceof Error ? (cause.stack ?? cause.message) : String(cause);
  return { failure: error.failureType ?? "unknown", message: text.slice(0, 4_000) };
}

function print(event: TestEvent): void {
  write(`${JSON.stringify(event)}\n`);
}

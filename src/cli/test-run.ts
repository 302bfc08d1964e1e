// Runs test files with `node:test` and prints one JSON line for each thing that happened. A program of its own, because a
// test cannot start a test run inside its own process, and because whatever hangs below it can be ended with it.
// usage: node src/cli/test-run.ts '{"files": [...], "concurrency": 2, "timeout": 60000, "forceExit": false}'
import { run } from "node:test";
import type { TestEvent, TestRequest } from "./test-results.ts";

const request = JSON.parse(process.argv[2] ?? "") as TestRequest;
for await (const { type, data } of run({ ...request, isolation: "process" })) {
  if (type === "test:pass" && data.details.type !== "suite") {
    const { name, file = "", line = 0 } = data;
    if (data.todo !== undefined)
      print({ kind: "fail", name, file, line, failure: "todo", message: "todo: a test passes, fails or is not there" });
    else if (data.skip !== undefined) print({ kind: "skip", name, file, line, reason: String(data.skip) });
    else print({ kind: "pass", name, file, line });
  } else if (type === "test:fail" && data.details.type !== "suite") {
    const { name, file = "", line = 0 } = data;
    const { failureType, cause, message } = data.details.error as Error & { failureType?: string; cause?: unknown };
    print({ kind: "fail", name, file, line, failure: failureType ?? "unknown", message: textOf(cause ?? message) });
  } else if (type === "test:stderr") {
    print({ kind: "stderr", file: data.file, text: data.message.slice(0, 4_000) });
  }
}
print({ kind: "end" });

function textOf(cause: unknown): string {
  return (cause instanceof Error ? (cause.stack ?? cause.message) : String(cause)).slice(0, 4_000);
}

function print(event: TestEvent): void {
  process.stdout.write(`${JSON.stringify(event)}\n`);
}

// `./ambit tools`: the pinned tools of a deployment; a changed definition is used again only after it was accepted.
import { printable } from "../controls/manifest/printable.ts";
import type { ToolView } from "../controls/wire/gate.ts";
import { CommandError, readLine, UsageError } from "./arguments.ts";
import { askHost, gatePath } from "./ask-host.ts";

const usage = "tools ls NAME | accept NAME SERVER TOOL";

export async function runTools(args: string[]): Promise<number> {
  const line = readLine(args, usage, {}, [2, 4]);
  const [what, name, server, tool] = line.words;
  if (!name || (what !== "ls" && what !== "accept")) throw new UsageError(`Usage: ./ambit ${usage}`);
  const { tools } = await askHost<{ tools: ToolView[] }>(line, "GET", gatePath(name, "control/tools"));
  if (what === "ls") {
    if (line.has("json")) console.log(JSON.stringify({ tools }));
    else
      for (const row of tools)
        console.log(
          printable(
            `${row.server}.${row.tool}  ${row.state}  ${row.hash.slice(0, 12)}  ${row.seen?.slice(0, 12) ?? ""}`,
            400,
          ),
        );
    return 0;
  }
  const found = tools.find((row) => row.server === server && row.tool === tool);
  if (!found?.seen) throw new CommandError(`${server}.${tool} has no changed definition to accept`);
  await askHost(line, "POST", gatePath(name, "control/tools/accept"), { server, tool, hash: found.seen });
  console.log(
    line.has("json")
      ? JSON.stringify({ server, tool, accepted: found.seen })
      : `${server}.${tool} is pinned to ${found.seen.slice(0, 12)}`,
  );
  return 0;
}

// The list of routes in docs/api.md, written from the route table so that the two cannot drift apart.
// `node docs/api.ts` writes it between the markers.
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { rows } from "../src/admin/routes.ts";
import type { Row } from "../src/admin/row.ts";

const start = "<!-- routes:start -->";
const end = "<!-- routes:end -->";
const file = fileURLToPath(new URL("api.md", import.meta.url));

/** The list as Markdown. */
export function renderRoutes(table: readonly Row[]): string {
  const lines = table.map(({ method, path, role, summary, event }) => {
    const entry = event === null ? "" : `\`${event}\``;
    return `| \`${method} ${path}\` | ${role} | ${summary} | ${entry} |`;
  });
  return ["| route | role | what it does | entry on the admin chain |", "| --- | --- | --- | --- |", ...lines].join(
    "\n",
  );
}

/** What stands between the markers of a page. */
export function readRoutes(markdown: string): string {
  const [from, to] = [markdown.indexOf(start), markdown.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`docs/api.md has lost its markers ${start} and ${end}: put them back`);
  return markdown.slice(from + start.length, to).trim();
}

export function readPage(): string {
  return readFileSync(file, "utf8");
}

if (import.meta.main) {
  const page = readPage();
  const [head = ""] = page.split(start);
  const [, rest = ""] = page.split(end);
  writeFileSync(file, `${head}${start}\n${renderRoutes(rows)}\n${end}${rest}`);
}

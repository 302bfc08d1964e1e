// Control `admin-access`: the page of the API, written here from the OpenAPI document: no script, no address but our own, so
// that there is nothing in it to take over. Every text of the document is escaped, whoever wrote it.
import type { OpenApi, Operation, Parameter } from "./openapi.ts";

export const stylePath = "/docs/style.css";

/** What the page may load: its style sheet from here, and nothing else. */
export const pagePolicy =
  "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

export const style = `:root { color-scheme: light dark; --line: #8884; --soft: #8881; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
code, pre { font: 14px/1.45 ui-monospace, monospace; }
pre { background: var(--soft); padding: .75rem; overflow-x: auto; border-radius: 6px; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .3rem .6rem .3rem 0; border-bottom: 1px solid var(--line); }
section { border-top: 1px solid var(--line); margin-top: 2rem; }
h2 { font-size: 1.1rem; overflow-wrap: anywhere; }
h3 { font-size: 1rem; margin-bottom: .25rem; }
.method { display: inline-block; min-width: 4.5rem; font-weight: 700; }
.role { border: 1px solid var(--line); border-radius: 4px; padding: 0 .4rem; font-size: .85rem; font-weight: 400; }
`;

function escape(text: string): string {
  const names: Readonly<Record<string, string>> = {
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
    '"': "&quot;",
    "'": "&#39;",
  };
  return text.replace(/[&<>"']/g, (char) => names[char] ?? "");
}

/** Escaped, with what stands between backticks as code. */
function prose(text: string): string {
  return escape(text).replaceAll(/`([^`]*)`/g, "<code>$1</code>");
}

/** The whole page. */
export function renderPage(document: OpenApi): string {
  const all = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method: method.toUpperCase(), operation })),
  );
  const rows = all.map(
    ({ path, method, operation }) =>
      `<tr><td><a href="#${escape(operation.operationId)}"><code>${method} ${escape(path)}</code></a></td>` +
      `<td>${escape(operation["x-role"])}</td><td>${prose(operation.summary)}</td></tr>`,
  );
  const { title, version, description } = document.info;
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escape(title)} API</title><link rel="stylesheet" href="${stylePath}"></head>
<body>
<h1>${escape(title)} API <small>${escape(version)}</small></h1>
<p>${prose(description)} The same as <a href="/openapi.json">OpenAPI 3.1</a>.</p>
<table><thead><tr><th>Route</th><th>Role</th><th>What it does</th></tr></thead><tbody>
${rows.join("\n")}
</tbody></table>
${all.map(({ path, method, operation }) => section(path, method, operation, document)).join("\n")}
</body></html>
`;
}

function section(path: string, method: string, operation: Operation, document: OpenApi): string {
  const { operationId, summary, description, parameters, requestBody, responses } = operation;
  const [status = "200"] = Object.keys(responses);
  const answer = (responses[status] as { content?: Record<string, { schema: object }> }).content;
  return `<section id="${escape(operationId)}">
<h2><span class="method">${method}</span><code>${escape(path)}</code> <span class="role">${escape(operation["x-role"])}</span></h2>
<p>${prose(summary)} ${prose(description)}</p>
${parameters.length === 0 ? "" : parameterTable(parameters)}
${requestBody === undefined ? "" : `<h3>Body</h3>${schemaBlock(Object.values(requestBody.content)[0]?.schema, document)}`}
<h3>Answer ${escape(status)}</h3>${answer === undefined ? "<p>No body.</p>" : schemaBlock(Object.values(answer)[0]?.schema, document)}
</section>`;
}

function parameterTable(parameters: readonly Parameter[]): string {
  const rows = parameters.map(
    ({ name, in: where, required, schema, description = "" }) =>
      `<tr><td><code>${escape(name)}</code></td><td>${where}${required ? ", needed" : ""}</td>` +
      `<td><code>${escape(JSON.stringify(schema))}</code></td><td>${prose(description)}</td></tr>`,
  );
  return `<table><thead><tr><th>Name</th><th>Where</th><th>What</th><th></th></tr></thead><tbody>${rows.join("")}</tbody></table>`;
}

const longest = 6000;

function schemaBlock(schema: object | undefined, { components }: OpenApi): string {
  const name =
    String((schema as { $ref?: string } | undefined)?.$ref ?? "")
      .split("/")
      .at(-1) ?? "";
  const schemas = components["schemas"] as Record<string, unknown>;
  const text = JSON.stringify(schemas[name] ?? schema ?? {}, null, 2);
  const shown = text.length > longest ? `${text.slice(0, longest)}\n... the rest is in /openapi.json` : text;
  return `<pre>${escape(shown)}</pre>`;
}

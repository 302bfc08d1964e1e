// Control `least-privilege`: what the SQL of a record view asks for, read as SQLite reads it: what stands in a string, a
// quoted name or a comment is neither a parameter nor a statement. Whoever writes a view would be wrong about its tenant
// if a parameter hid in a place one reader looks at and another does not.

const token =
  /'(?:[^']|'')*'?|"(?:[^"]|"")*"?|`(?:[^`]|``)*`?|\[[^\]]*\]?|--[^\n]*|\/\*[\s\S]*?(?:\*\/|$)|[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*|[:@$?#][\w$:\u0080-\uffff]*|\d[\w.]*|[^\s]/g;

/** The tokens of a SQL text, comments left out. */
function tokensOf(sql: string): string[] {
  return [...sql.matchAll(token)].map(([text]) => text).filter((text) => !/^(?:--|\/\*)/.test(text));
}

/** Names of the `:parameters` of a SQL text, each once, in the order they come. */
export function sqlParameters(sql: string): string[] {
  const names = tokensOf(sql).filter((text) => /^:[A-Za-z_]\w*$/.test(text));
  return [...new Set(names.map((name) => name.slice(1)))];
}

const most = 50;

/** What is wrong with the SQL of a view, one sentence each. SQLite itself opens the file for reading only. */
export function findSqlFaults(sql: string): string[] {
  const tokens = tokensOf(sql);
  const words = tokens.map((text) => text.toLowerCase());
  const faults: string[] = [];
  const end = tokens.indexOf(";");
  if (words[0] !== "select" && words[0] !== "with") faults.push("must be one SELECT");
  if (end !== -1 && end !== tokens.length - 1) faults.push("must be one statement");
  if (words.some((word) => word === "insert" || word === "update" || word === "delete")) faults.push("must only read");
  const odd = tokens.find((text) => /^[@$?#:]/.test(text) && !/^:[a-z][a-z0-9_]{0,47}$/.test(text));
  if (odd !== undefined)
    faults.push(`has the parameter ${odd}: write :name, in at most 48 lower-case letters, digits and _`);
  if (sqlParameters(sql).length > most) faults.push(`has more than ${most} parameters`);
  return faults;
}

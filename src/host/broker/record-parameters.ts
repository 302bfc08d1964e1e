// Control `least-privilege`: the parameters of a record view. A model, or a document it read, wants to set a parameter that
// the operator fixed (whose tenant), to leave one out (SQLite would read NULL), or to add its own. Must stay true: what is
// bound stays bound, and exactly the named parameters are set.
import type { Refusal } from "../../boundary.ts";
import type { RecordView } from "../../controls/manifest/schema.ts";
import { findSqlFaults, sqlParameters } from "../../controls/manifest/sql-parameters.ts";

export type Scalar = string | number | boolean | null;
export type Values = Readonly<Record<string, string | number | null>>;
export type Parameters =
  | { readonly ok: true; readonly values: Values }
  | { readonly ok: false; readonly refusal: Refusal };

/** Why a view can never be asked, or null. */
export function decideView(view: string, record: RecordView): Refusal | null {
  const [fault] = findSqlFaults(record.sql);
  if (fault !== undefined) return refuse("view_broken", `records.${view}.sql ${fault}`, `records.${view}.sql`).refusal;
  const names = sqlParameters(record.sql);
  const unused = Object.keys(record.bind).find((name) => !names.includes(name));
  if (unused === undefined) return null;
  const field = `records.${view}.bind.${unused}`;
  return refuse("view_broken", `${field}: the SQL has no parameter :${unused}`, field).refusal;
}

/** The values a query runs with: the caller's for the open names, the operator's for the bound ones. */
export function decideParameters(
  view: string,
  record: RecordView,
  params: Readonly<Record<string, Scalar>>,
): Parameters {
  const names = sqlParameters(record.sql);
  for (const name of Object.keys(params)) {
    if (Object.hasOwn(record.bind, name)) {
      return refuse("bound_parameter", `${name.slice(0, 64)} is fixed by the operator and cannot be sent`, name);
    }
    if (!names.includes(name)) {
      return refuse("unknown_parameter", `${name.slice(0, 64)} is not a parameter of records.${view}`, name);
    }
  }
  const missing = names.find((name) => !Object.hasOwn(record.bind, name) && !Object.hasOwn(params, name));
  if (missing !== undefined) {
    return refuse("missing_parameter", `records.${view} needs the parameter ${missing}`, missing);
  }
  const values = Object.entries({ ...params, ...record.bind }).map(
    ([name, value]) => [name, typeof value === "boolean" ? Number(value) : value] as const,
  );
  return { ok: true, values: Object.fromEntries(values) };
}

function refuse(reason: string, message: string, field: string): { ok: false; refusal: Refusal } {
  return { ok: false, refusal: { control: "least-privilege", reason, message, field } };
}

// Control `workflow`: which arguments of a tool a Cedar policy may speak of, and as what. Cedar has whole numbers, decimals
// of four digits, texts, booleans and sets of them; a value that fits none of these must not slip past a policy by being
// left out, so a policy can only use an argument whose type is plain, and a value that does not fit it is a refusal.
import type { Json, JsonObject } from "../../boundary.ts";
import type { Contract } from "../manifest/schema.ts";

export type PlainType = "String" | "Long" | "Boolean" | "decimal";
export type ArgumentType = PlainType | `Set of ${"String" | "Long" | "Boolean"}`;

export interface CedarArgument {
  readonly name: string;
  /** Undefined when nobody knows yet: the server was not asked. */
  readonly type: ArgumentType | undefined;
  /** False when a call may come without it; then a policy must ask `has` first. */
  readonly isRequired: boolean;
}

const callBounds = new Set(["per_turn", "per_user", "per_day"]);
const maxItems = 1000;

/** The arguments that a contract names, as its tool's pinned schema types them, if that is known. */
export function listArguments(contract: Contract, schema: JsonObject | undefined): CedarArgument[] {
  const given = givenNames(contract);
  return namesOf(contract).flatMap((name) => {
    const bound = contract.bind[name];
    const known = schema ? typeOfSchema(schema, name) : undefined;
    const type = known?.type ?? (bound === undefined ? undefined : typeOfValue(bound));
    if (schema && type === undefined) return [];
    const isRequired = given.includes(name) || !known || (known.isRequired && !known.isNullable);
    return [{ name, type, isRequired }];
  });
}

/** Every argument that a contract names. */
export function namesOf(contract: Contract): string[] {
  const spoken = [...contract.authority, ...contract.payload, ...argumentsOf(contract.total)];
  // Names that Cedar's JSON takes for something else than a member begin so.
  return [...new Set([...givenNames(contract), ...spoken])].filter((name) => !name.startsWith("__"));
}

/** Those that no call comes without. */
function givenNames({ bind, only, max }: Contract): string[] {
  return [...Object.keys(bind), ...Object.keys(only), ...argumentsOf(max)];
}

function argumentsOf(bounds: Readonly<Record<string, unknown>>): string[] {
  return Object.keys(bounds).filter((name) => !callBounds.has(name));
}

function typeOfSchema(schema: JsonObject, name: string) {
  const properties = asObject(schema["properties"]);
  if (!Object.hasOwn(properties, name)) return undefined;
  const found = typeOf(asObject(properties[name]), schema, 0);
  const { required } = schema;
  return { ...found, isRequired: Array.isArray(required) && required.includes(name) };
}

interface Typed {
  readonly type: ArgumentType | undefined;
  readonly isNullable: boolean;
}

const jsonTypes: Readonly<Record<string, PlainType>> = {
  ...{ string: "String", integer: "Long", boolean: "Boolean", number: "decimal" },
};

/** The one Cedar type that all values of a schema have, `null` aside. */
function typeOf(node: JsonObject, root: JsonObject, depth: number): Typed {
  const nothing = { type: undefined, isNullable: false };
  if (depth > 8) return nothing;
  const [, section = "", name = ""] = /^#\/(\$defs|definitions)\/([^/~%]+)$/.exec(String(node["$ref"])) ?? [];
  if (name) return typeOf(asObject(asObject(root[section])[name]), root, depth + 1);
  const choices = node["anyOf"] ?? node["oneOf"];
  if (Array.isArray(choices)) {
    const isNull = (one: Json) => asObject(one)["type"] === "null";
    const all = choices.filter((one) => !isNull(one)).map((one) => typeOf(asObject(one), root, depth + 1));
    const isNullable = choices.some(isNull) || all.some((one) => one.isNullable);
    return { type: onlyOne(all.map(({ type }) => type)), isNullable };
  }
  const values = Array.isArray(node["enum"])
    ? node["enum"]
    : Object.hasOwn(node, "const")
      ? [node["const"] ?? null]
      : [];
  if (values.length > 0) {
    const isNullable = values.includes(null);
    return { type: onlyOne(values.filter((value) => value !== null).map(typeOfValue)), isNullable };
  }
  const types = [node["type"] ?? ""].flat();
  const plain = types.filter((type) => type !== "null").map((type) => typeOfWord(String(type), node, root, depth));
  return { type: onlyOne(plain), isNullable: types.includes("null") };
}

function typeOfWord(word: string, node: JsonObject, root: JsonObject, depth: number): ArgumentType | undefined {
  if (word !== "array") return Object.hasOwn(jsonTypes, word) ? jsonTypes[word] : undefined;
  const item = typeOf(asObject(node["items"]), root, depth + 1);
  const isPlain = item.type === "String" || item.type === "Long" || item.type === "Boolean";
  return isPlain && !item.isNullable ? `Set of ${item.type}` : undefined;
}

function typeOfValue(value: Json): PlainType | undefined {
  if (typeof value === "string") return "String";
  if (typeof value === "boolean") return "Boolean";
  if (typeof value === "number") return Number.isSafeInteger(value) ? "Long" : "decimal";
  return undefined;
}

function onlyOne(types: readonly (ArgumentType | undefined)[]): ArgumentType | undefined {
  return new Set(types).size === 1 ? types[0] : undefined;
}

/** A value as Cedar's JSON, or undefined when it does not fit. */
export function toCedar(value: Json, type: ArgumentType): Json | undefined {
  if (type.startsWith("Set of ")) {
    const items = Array.isArray(value) && value.length <= maxItems ? value : undefined;
    const made = items?.map((item) => toCedar(item, type.slice("Set of ".length) as PlainType));
    return made?.every((item) => item !== undefined) ? made : undefined;
  }
  if (type === "String") return typeof value === "string" ? value.toWellFormed() : undefined;
  if (type === "Boolean") return typeof value === "boolean" ? value : undefined;
  if (typeof value !== "number") return undefined;
  if (type === "Long") return Number.isSafeInteger(value) ? value : undefined;
  const digits = Math.abs(value) < 1e11 ? value.toFixed(4) : "";
  return digits !== "" && Number(digits) === value ? { __extn: { fn: "decimal", arg: digits } } : undefined;
}

function asObject(value: unknown): JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as JsonObject) : {};
}

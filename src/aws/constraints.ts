// Turns a shape of the model into a function that reads a value, checks every constraint and words violations as AWS does.
import { invalid } from "../core/faults.ts";
import type {
  ListModel,
  MapModel,
  NumberModel,
  ServiceModel,
  StringModel,
  StructureModel,
} from "./model/model.ts";
import { shapeOf } from "./model/model.ts";
import { compilePattern, countCodePoints } from "./model/patterns.ts";

/**
 * Reads one JSON value. Adds a sentence to `problems` for every constraint it breaks; throws CANNOT_PARSE when the
 * value has the wrong type. `at` is its place, e.g. `tags.1.member.key`.
 */
export type Reader = (value: unknown, at: string, problems: string[]) => unknown;

/** A value's text is quoted in messages up to this many characters. */
const QUOTE_MAX = 200;
/** After this many violations no further item of a list or map is looked at. */
const PROBLEMS_MAX = 20;

/** Makes the reader of a shape and of everything inside it. `cache` keeps one reader a shape. */
export function compileReader(
  model: ServiceModel,
  name: string,
  cache: Map<string, Reader> = new Map(),
): Reader {
  const known = cache.get(name);
  if (known !== undefined) return known;
  const reader = makeReader(model, name, cache);
  cache.set(name, reader);
  return reader;
}

function makeReader(model: ServiceModel, name: string, cache: Map<string, Reader>): Reader {
  const shape = shapeOf(model, name);
  switch (shape.type) {
    case "string":
      return stringReader(shape);
    case "integer":
    case "long":
      return numberReader(shape);
    case "boolean":
      return booleanReader;
    case "list":
      return listReader(shape, compileReader(model, shape.member.shape, cache));
    case "map":
      return mapReader(
        shape,
        compileReader(model, shape.key.shape, cache),
        compileReader(model, shape.value.shape, cache),
      );
    case "structure":
      return structureReader(model, shape, cache);
    default:
      throw new Error(`No operation reads a ${shape.type} from JSON; ${name} would need a reader.`);
  }
}

function stringReader(shape: StringModel): Reader {
  const pattern = shape.pattern === undefined ? undefined : compilePattern(shape.pattern);
  const values = shape.enum === undefined ? undefined : new Set(shape.enum);
  return (value, at, problems) => {
    if (typeof value !== "string") throw wrongType(value, at, "a string");
    if (shape.min !== undefined || shape.max !== undefined)
      checkLength(countCodePoints(value), shape, value, at, problems);
    if (pattern !== undefined && !pattern.test(value)) {
      violate(problems, value, at, `satisfy regular expression pattern: ${shape.pattern}`);
    }
    if (values !== undefined && !values.has(value))
      violate(problems, value, at, `satisfy enum value set: [${[...values].join(", ")}]`);
    return value;
  };
}

function numberReader({ min, max, type }: NumberModel): Reader {
  return (value, at, problems) => {
    if (!Number.isSafeInteger(value))
      throw wrongType(value, at, type === "long" ? "a whole number" : "an integer");
    const number = value as number;
    if (max !== undefined && number > max)
      violate(problems, number, at, `have value less than or equal to ${max}`);
    if (min !== undefined && number < min)
      violate(problems, number, at, `have value greater than or equal to ${min}`);
    return number;
  };
}

const booleanReader: Reader = (value, at) => {
  if (typeof value !== "boolean") throw wrongType(value, at, "true or false");
  return value;
};

function listReader(shape: ListModel, readItem: Reader): Reader {
  return (value, at, problems) => {
    if (!Array.isArray(value)) throw wrongType(value, at, "a list");
    checkLength(value.length, shape, value, at, problems);
    const items: unknown[] = [];
    for (const [index, item] of value.entries()) {
      if (problems.length >= PROBLEMS_MAX) break;
      const where = `${at}.${index + 1}.member`;
      if (item === null) violate(problems, null, where, "not be null");
      else items.push(readItem(item, where, problems));
    }
    return items;
  };
}

/** Maps have no prototype: `__proto__` is a key like any other. A null value is an absent one. */
function mapReader(_shape: MapModel, readKey: Reader, readValue: Reader): Reader {
  return (value, at, problems) => {
    if (!isRecord(value)) throw wrongType(value, at, "an object");
    const map = Object.create(null) as Record<string, unknown>;
    for (const [key, item] of Object.entries(value)) {
      if (problems.length >= PROBLEMS_MAX) break;
      if (item === null) continue;
      readKey(key, `${at}.key`, problems);
      map[key] = readValue(item, `${at}.${quote(key)}.value`, problems);
    }
    return map;
  };
}

/** Unknown members are ignored, null counts as absent. */
function structureReader(model: ServiceModel, shape: StructureModel, cache: Map<string, Reader>): Reader {
  const members = Object.entries(shape.members).map(([name, member]) => ({
    name,
    read: compileReader(model, member.shape, cache),
    required: shape.required?.includes(name) === true,
  }));
  return (value, at, problems) => {
    if (!isRecord(value)) throw wrongType(value, at, "an object");
    const result: Record<string, unknown> = {};
    for (const { name, read, required } of members) {
      const item = Object.hasOwn(value, name) ? value[name] : undefined;
      if (item !== undefined && item !== null) result[name] = read(item, `${at}.${name}`, problems);
      else if (required) missing(problems, `${at}.${name}`);
    }
    return result;
  };
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A required member is not there. */
export function missing(problems: string[], at: string): void {
  violate(problems, null, at, "not be null");
}

/** The error for a list of violations, joined as AWS joins them. */
export function validationFault(problems: readonly string[]): Error {
  const count = problems.length === 1 ? "1 validation error" : `${problems.length} validation errors`;
  return invalid(`${count} detected: ${problems.join("; ")}`);
}

/** The value has the wrong JSON type: there is nothing to check constraints on. */
export function wrongType(value: unknown, at: string, wanted: string): Error {
  return invalid(`The value at '${at}' must be ${wanted}, not ${describe(value)}.`, "CANNOT_PARSE");
}

function checkLength(
  length: number,
  { min, max }: { readonly min?: number; readonly max?: number },
  value: unknown,
  at: string,
  problems: string[],
): void {
  if (max !== undefined && length > max)
    violate(problems, value, at, `have length less than or equal to ${max}`);
  if (min !== undefined && length < min)
    violate(problems, value, at, `have length greater than or equal to ${min}`);
}

function violate(problems: string[], value: unknown, at: string, constraint: string): void {
  const text = value === null ? "null" : `'${quote(value)}'`;
  problems.push(`Value ${text} at '${at}' failed to satisfy constraint: Member must ${constraint}`);
}

function quote(value: unknown): string {
  const text =
    typeof value === "string" ? value : Array.isArray(value) ? `[${value.length} items]` : String(value);
  return text.length <= QUOTE_MAX ? text : `${text.slice(0, QUOTE_MAX)}…`;
}

function describe(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object") return "an object";
  return `the ${typeof value} ${JSON.stringify(quote(value))}`;
}

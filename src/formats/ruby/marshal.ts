// Ruby's Marshal format 4.8, written: as much of it as RubyGems' older indexes are made of.
import { deflateSync } from "node:zlib";

/** A value to write. Texts become UTF-8 strings; objects of Ruby's classes are made by the functions below. */
export type RubyValue = string | number | boolean | null | readonly RubyValue[] | RubyHash | RubyObject;

export interface RubyHash {
  readonly hash: readonly (readonly [RubyValue, RubyValue])[];
}

type RubyObject =
  | { readonly symbol: string }
  /** Written by the class's own marshal_dump. */
  | { readonly dumped: string; readonly as: RubyValue }
  /** Written by the class's own _dump, as bytes. */
  | { readonly loaded: string; readonly from: Buffer }
  | { readonly instance: string; readonly variables: readonly (readonly [string, RubyValue])[] };

export function symbol(name: string): RubyValue {
  return { symbol: name };
}

export function gemVersion(number: string): RubyValue {
  return { dumped: "Gem::Version", as: [number] };
}

/** `>= 1.0, < 2`, as a Gem::Requirement; nothing means any. */
export function gemRequirement(text: string): RubyValue {
  const parts = text
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "");
  const pairs = (parts.length === 0 ? [">= 0"] : parts).map((part) => {
    const [, operator = "=", number = part] = /^(=|!=|>=|<=|~>|>|<)?\s*(\S+)$/.exec(part) ?? [];
    return [operator, gemVersion(number)];
  });
  return { dumped: "Gem::Requirement", as: [pairs] };
}

export function gemDependency(name: string, requirement: string): RubyValue {
  const required = gemRequirement(requirement);
  return {
    instance: "Gem::Dependency",
    variables: [
      ["@name", name],
      ["@requirement", required],
      ["@type", symbol("runtime")],
      ["@prerelease", false],
      ["@version_requirements", required],
    ],
  };
}

/** A Gem::Specification by its _dump: nineteen fields in RubyGems' own order. */
export function gemSpecification(fields: readonly RubyValue[]): RubyValue {
  return { loaded: "Gem::Specification", from: marshal(fields) };
}

const VERSION = Buffer.from([4, 8]);

export function marshal(value: RubyValue): Buffer {
  const pieces: Buffer[] = [VERSION];
  write(value, pieces);
  return Buffer.concat(pieces);
}

/** As the files that end in `.rz`. */
export function marshalDeflated(value: RubyValue): Buffer {
  return deflateSync(marshal(value));
}

function write(value: RubyValue, out: Buffer[]): void {
  if (value === null) return tag("0", out);
  if (value === true) return tag("T", out);
  if (value === false) return tag("F", out);
  if (typeof value === "number") {
    tag("i", out);
    return void out.push(integer(value));
  }
  if (typeof value === "string") return writeText(value, out);
  if (isList(value)) {
    tag("[", out);
    out.push(integer(value.length));
    for (const item of value) write(item, out);
    return;
  }
  if ("hash" in value) {
    tag("{", out);
    return writePairs(value.hash, out);
  }
  writeObject(value, out);
}

function isList(value: RubyValue): value is readonly RubyValue[] {
  return Array.isArray(value);
}

function writeObject(value: RubyObject, out: Buffer[]): void {
  if ("symbol" in value) return writeSymbol(value.symbol, out);
  if ("dumped" in value) {
    tag("U", out);
    writeSymbol(value.dumped, out);
    return write(value.as, out);
  }
  if ("loaded" in value) {
    tag("u", out);
    writeSymbol(value.loaded, out);
    return writeBytes(value.from, out);
  }
  tag("o", out);
  writeSymbol(value.instance, out);
  writePairs(
    value.variables.map(([name, of]) => [symbol(name), of] as const),
    out,
  );
}

function writePairs(pairs: readonly (readonly [RubyValue, RubyValue])[], out: Buffer[]): void {
  out.push(integer(pairs.length));
  for (const [key, of] of pairs) {
    write(key, out);
    write(of, out);
  }
}

/** A string with the instance variable that says it is UTF-8. */
function writeText(text: string, out: Buffer[]): void {
  tag('I"', out);
  writeBytes(Buffer.from(text), out);
  out.push(integer(1));
  writeSymbol("E", out);
  tag("T", out);
}

function writeSymbol(name: string, out: Buffer[]): void {
  tag(":", out);
  writeBytes(Buffer.from(name), out);
}

function writeBytes(bytes: Buffer, out: Buffer[]): void {
  out.push(integer(bytes.length), bytes);
}

function tag(text: string, out: Buffer[]): void {
  out.push(Buffer.from(text, "latin1"));
}

/** Marshal's own variable-length integers, for 0 up to 2^30. */
function integer(value: number): Buffer {
  if (!Number.isInteger(value) || value < 0 || value >= 2 ** 30)
    throw new RangeError(`${value} is not written here`);
  if (value === 0) return Buffer.from([0]);
  if (value < 123) return Buffer.from([value + 5]);
  const bytes: number[] = [];
  for (let rest = value; rest > 0; rest = Math.floor(rest / 256)) bytes.push(rest % 256);
  return Buffer.from([bytes.length, ...bytes]);
}

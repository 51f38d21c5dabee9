// The Condition element of a policy: every operator, with IfExists and the set qualifiers, compiled to one test.
import { cidrContains, parseAddress, parseCidr } from "./ip-address.ts";
import type { RequestFacts, TextMatcher } from "./policy-text.ts";
import { compileArn, compileText } from "./policy-text.ts";

export type ConditionBlock = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

/** Whether the request fulfils the block; undefined: it differs from a variable without a value, or not: nobody can tell. */
export type ConditionTest = (facts: RequestFacts) => boolean | undefined;

/** A condition that cannot be understood; the message says why. */
export class ConditionError extends Error {}

/** One value of the policy made ready: does it match one value of the request? */
type Compile = (value: string, variables: boolean) => TextMatcher;

interface Operator {
  readonly compile: Compile;
  /** The operator is true when no value of the policy matches. */
  readonly negated: boolean;
}

const exact: Compile = (value, variables) =>
  compileText(value, { wildcards: false, variables, foldCase: false });
const exactIgnoringCase: Compile = (value, variables) =>
  compileText(value, { wildcards: false, variables, foldCase: true });
const like: Compile = (value, variables) =>
  compileText(value, { wildcards: true, variables, foldCase: false });
const arn: Compile = compileArn;

const numeric =
  (holds: (given: number, wanted: number) => boolean): Compile =>
  (value) => {
    const wanted = readNumber(value);
    if (wanted === undefined) throw new ConditionError(`'${value}' is not a number`);
    return (text) => {
      const given = readNumber(text);
      return given !== undefined && holds(given, wanted);
    };
  };

const date =
  (holds: (given: number, wanted: number) => boolean): Compile =>
  (value) => {
    const wanted = readTime(value);
    if (wanted === undefined)
      throw new ConditionError(`'${value}' is not a time; write 2026-01-31T00:00:00Z or epoch seconds`);
    return (text) => {
      const given = readTime(text);
      return given !== undefined && holds(given, wanted);
    };
  };

const bool: Compile = (value) => {
  const wanted = value.toLowerCase();
  if (wanted !== "true" && wanted !== "false")
    throw new ConditionError(`'${value}' is neither true nor false`);
  return (text) => text.toLowerCase() === wanted;
};

const binary: Compile = (value) => {
  if (!/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(value))
    throw new ConditionError(`'${value}' is not base64`);
  return (text) => text === value;
};

const ip: Compile = (value) => {
  const range = parseCidr(value);
  if (range === undefined) throw new ConditionError(`'${value}' is not an IP address or CIDR range`);
  return (text) => {
    const address = parseAddress(text);
    return address !== undefined && cidrContains(range, address);
  };
};

const is = (compile: Compile): Operator => ({ compile, negated: false });
const isNot = (compile: Compile): Operator => ({ compile, negated: true });
const equal = (a: number, b: number): boolean => a === b;

/** By lower-case name. `Null` is apart: it asks about the key, not about its values. */
const OPERATORS: ReadonlyMap<string, Operator> = new Map([
  ["stringequals", is(exact)],
  ["stringnotequals", isNot(exact)],
  ["stringequalsignorecase", is(exactIgnoringCase)],
  ["stringnotequalsignorecase", isNot(exactIgnoringCase)],
  ["stringlike", is(like)],
  ["stringnotlike", isNot(like)],
  ["arnequals", is(arn)],
  ["arnlike", is(arn)],
  ["arnnotequals", isNot(arn)],
  ["arnnotlike", isNot(arn)],
  ["numericequals", is(numeric(equal))],
  ["numericnotequals", isNot(numeric(equal))],
  ["numericlessthan", is(numeric((a, b) => a < b))],
  ["numericlessthanequals", is(numeric((a, b) => a <= b))],
  ["numericgreaterthan", is(numeric((a, b) => a > b))],
  ["numericgreaterthanequals", is(numeric((a, b) => a >= b))],
  ["dateequals", is(date(equal))],
  ["datenotequals", isNot(date(equal))],
  ["datelessthan", is(date((a, b) => a < b))],
  ["datelessthanequals", is(date((a, b) => a <= b))],
  ["dategreaterthan", is(date((a, b) => a > b))],
  ["dategreaterthanequals", is(date((a, b) => a >= b))],
  ["bool", is(bool)],
  ["binaryequals", is(binary)],
  ["ipaddress", is(ip)],
  ["notipaddress", isNot(ip)],
]);

/** All operators and all keys must hold. Throws ConditionError. */
export function compileConditions(block: ConditionBlock, variables: boolean): ConditionTest {
  const tests = Object.entries(block).flatMap(([name, keys]) =>
    Object.entries(keys).map(([key, values]) => compileOne(name, key, values, variables)),
  );
  return (facts) => {
    let unknown = false;
    for (const test of tests) {
      const held = test(facts);
      if (held === false) return false;
      if (held === undefined) unknown = true;
    }
    return unknown ? undefined : true;
  };
}

function compileOne(name: string, key: string, values: unknown, variables: boolean): ConditionTest {
  const [, qualifier, base = "", ifExists] =
    /^(?:(ForAllValues|ForAnyValue):)?([A-Za-z]+?)(IfExists)?$/i.exec(name) ?? [];
  const wanted = readValues(name, key, values);
  if (base.toLowerCase() === "null" && qualifier === undefined && ifExists === undefined)
    return nullTest(key, wanted);
  const operator = OPERATORS.get(base.toLowerCase());
  if (operator === undefined) throw new ConditionError(`there is no condition operator '${name}'`);
  const set = qualifier?.toLowerCase();
  return keyTest(key, {
    matchers: compileValues(operator, name, key, wanted, variables),
    negated: operator.negated,
    set: set === "forallvalues" ? "all" : set === "foranyvalue" ? "any" : undefined,
    ifExists: ifExists !== undefined,
  });
}

function compileValues(
  operator: Operator,
  name: string,
  key: string,
  wanted: readonly string[],
  variables: boolean,
) {
  try {
    return wanted.map((value) => operator.compile(value, variables));
  } catch (error) {
    throw error instanceof ConditionError
      ? new ConditionError(`${name} of '${key}': ${error.message}`)
      : error;
  }
}

function readValues(name: string, key: string, values: unknown): readonly string[] {
  const list: readonly unknown[] = Array.isArray(values) ? values : [values];
  return list.map((value) => {
    if (typeof value === "string" || typeof value === "number" || typeof value === "boolean")
      return String(value);
    throw new ConditionError(`${name} of '${key}' must be a text, a number, true, false, or a list of them`);
  });
}

/** `"true"`: the key must be absent; `"false"`: it must be there. */
function nullTest(key: string, wanted: readonly string[]): ConditionTest {
  if (!wanted.every((value) => /^(true|false)$/i.test(value)))
    throw new ConditionError(`Null of '${key}' must be true or false`);
  const absent = wanted.map((value) => value.toLowerCase() === "true");
  return (facts) => absent.includes(valuesOf(facts, key.toLowerCase()).length === 0);
}

interface KeyTest {
  readonly matchers: readonly TextMatcher[];
  readonly negated: boolean;
  readonly set: "all" | "any" | undefined;
  readonly ifExists: boolean;
}

/**
 * One key: any of the policy's values may match; a negated operator wants none of them to. An absent key fails, but
 * not for IfExists, a negated operator, or ForAllValues, of which nothing is there to fail.
 */
function keyTest(key: string, { matchers, negated, set, ifExists }: KeyTest): ConditionTest {
  const name = key.toLowerCase();
  const whenAbsent = ifExists || set === "all" || (negated && set === undefined);
  return (facts) => {
    const given = valuesOf(facts, name);
    if (given.length === 0) return whenAbsent;
    const held = given.map((value) => holds(matchers, negated, value, facts));
    // Without a qualifier a multi-valued key is taken as "any", or for a negated operator as "none".
    const every = set === "all" || (set === undefined && negated);
    return every ? allOf(held) : anyOf(held);
  };
}

/** A variable without a value equals nothing; whether it differs from something, nobody can tell. */
function holds(
  matchers: readonly TextMatcher[],
  negated: boolean,
  value: string,
  facts: RequestFacts,
): boolean | undefined {
  const matched = anyOf(matchers.map((matches) => matches(value, facts)));
  if (matched === undefined) return negated ? undefined : false;
  return matched !== negated;
}

function anyOf(list: readonly (boolean | undefined)[]): boolean | undefined {
  return list.includes(true) ? true : list.includes(undefined) ? undefined : false;
}

function allOf(list: readonly (boolean | undefined)[]): boolean | undefined {
  return list.includes(false) ? false : list.includes(undefined) ? undefined : true;
}

function valuesOf(facts: RequestFacts, key: string): readonly string[] {
  const value = facts.get(key);
  return value === undefined ? [] : typeof value === "string" ? [value] : value;
}

function readNumber(text: string): number | undefined {
  return /^[+-]?\d+(\.\d+)?$/.test(text) ? Number(text) : undefined;
}

const ISO_TIME = /^\d{4}(-\d{2}(-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2}))?)?)?$/;

/** ISO 8601 or epoch seconds, as epoch milliseconds. */
function readTime(text: string): number | undefined {
  if (ISO_TIME.test(text)) {
    const time = Date.parse(text);
    return Number.isNaN(time) ? undefined : time;
  }
  const seconds = readNumber(text);
  return seconds === undefined ? undefined : seconds * 1000;
}

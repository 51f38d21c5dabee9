// Holds what an operation returned against the model, so that a missing or mistyped member is found here and not by a client.
import type { ServiceModel, ShapeModel } from "./model/model.ts";
import { shapeOf } from "./model/model.ts";
import { compilePattern } from "./model/patterns.ts";

/** What is wrong with an output; an empty list when it is as the model says. Members that are not modelled are wrong too. */
export function checkOutput(model: ServiceModel, shapeName: string, value: unknown): readonly string[] {
  const problems: string[] = [];
  checkValue(model, shapeName, value, shapeName, problems);
  return problems;
}

function checkValue(model: ServiceModel, name: string, value: unknown, at: string, problems: string[]): void {
  const shape = shapeOf(model, name);
  if (!hasType(shape, value)) {
    problems.push(`${at} must be a ${shape.type}`);
    return;
  }
  if (shape.type === "structure") checkMembers(model, shape, value as Record<string, unknown>, at, problems);
  if (shape.type === "list") {
    for (const [i, item] of (value as unknown[]).entries())
      checkValue(model, shape.member.shape, item, `${at}[${i}]`, problems);
  }
  if (shape.type === "map") {
    for (const [key, item] of Object.entries(value as object)) {
      checkValue(model, shape.key.shape, key, `${at}.key`, problems);
      checkValue(model, shape.value.shape, item, `${at}.${key}`, problems);
    }
  }
  if (shape.type === "string") checkText(shape, value as string, at, problems);
}

function hasType({ type }: ShapeModel, value: unknown): boolean {
  switch (type) {
    case "string":
    case "boolean":
      return typeof value === type;
    case "integer":
    case "long":
      return Number.isSafeInteger(value);
    case "timestamp":
      return value instanceof Date && !Number.isNaN(value.getTime());
    case "list":
      return Array.isArray(value);
    default:
      return typeof value === "object" && value !== null && !Array.isArray(value);
  }
}

function checkMembers(
  model: ServiceModel,
  shape: ShapeModel & { type: "structure" },
  value: Record<string, unknown>,
  at: string,
  problems: string[],
): void {
  for (const name of shape.required ?? [])
    if (value[name] === undefined) problems.push(`${at}.${name} is required`);
  for (const [name, item] of Object.entries(value)) {
    const member = Object.hasOwn(shape.members, name) ? shape.members[name] : undefined;
    if (member === undefined) problems.push(`${at}.${name} is not in the model`);
    else if (item !== undefined) checkValue(model, member.shape, item, `${at}.${name}`, problems);
  }
}

const compiled = new Map<string, RegExp>();

function checkText(
  shape: ShapeModel & { type: "string" },
  text: string,
  at: string,
  problems: string[],
): void {
  if (shape.enum !== undefined && !shape.enum.includes(text))
    problems.push(`${at} is none of ${shape.enum.join(", ")}`);
  if (shape.pattern === undefined) return;
  const pattern = compiled.get(shape.pattern) ?? compilePattern(shape.pattern);
  compiled.set(shape.pattern, pattern);
  if (!pattern.test(text)) problems.push(`${at} does not match ${shape.pattern}`);
}

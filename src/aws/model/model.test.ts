// The model, its patches, the generated types, and the official client's own idea of the same API.
import { readFileSync } from "node:fs";
import * as sdk from "@aws-sdk/client-codeartifact";
import { describe, expect, test } from "vitest";
import { generateTypes } from "../../../tools/gen-model.ts";
import { loadModel, type ServiceModel, type StructureModel, shapeOf, structureOf } from "./model.ts";
import { applyPatches, PATCHES } from "./patches.ts";
import { OPERATION_NAMES } from "./types.gen.ts";

const model = loadModel();

test("types.gen.ts is what `npm run gen` writes", () => {
  expect(readFileSync(new URL("types.gen.ts", import.meta.url), "utf8")).toBe(generateTypes(model));
});

test("the API has 48 operations, each with its own method and path, and no path parameters", () => {
  const pairs = Object.values(model.operations).map(({ http }) => `${http.method} ${http.requestUri}`);
  expect(new Set(pairs).size).toBe(48);
  expect(pairs.filter((pair) => /[{}]/.test(pair))).toEqual([]);
  expect(OPERATION_NAMES).toEqual(Object.keys(model.operations));
});

describe("patches", () => {
  test("each is in force", () => {
    expect(shapeOf(model, "ExternalConnectionStatus")).toMatchObject({ enum: ["AVAILABLE"] });
    expect(structureOf(model, "PublishPackageVersionRequest").members["unfinished"]).toMatchObject({
      alsoTrue: ["unfinished"],
    });
    expect(structureOf(model, "DescribeDomainRequest").members["domainOwner"]).toMatchObject({
      emptyIsAbsent: true,
    });
    for (const { why } of PATCHES) expect(why.length).toBeGreaterThan(20);
  });

  test("one that fits nothing any more stops the server", () => {
    const { ExternalConnectionStatus: _gone, ...shapes } = model.shapes;
    expect(() => applyPatches({ ...model, shapes })).toThrow("fits nothing");
  });
});

/** The client's schemas: tuples of [kind, namespace, name, traits, …]; structures go on with member names, schemas, count of required. */
type Schema = readonly [number, string, string, unknown, ...unknown[]];

const schemas = new Map(
  Object.values(sdk)
    .filter((value): value is never => Array.isArray(value) && typeof value[2] === "string")
    .map((schema: Schema) => [schema[2], schema]),
);

const KIND = { operation: 9, structure: 3, error: -3 };

function resolve(value: unknown): unknown {
  return typeof value === "function" ? resolve((value as () => unknown)()) : value;
}

interface Member {
  readonly name: string;
  readonly required: boolean;
  readonly location?: string | undefined;
  readonly wireName?: string | undefined;
  readonly payload: boolean;
}

function clientMembers(schema: Schema): Member[] {
  const [, , , , names, members, requiredCount] = schema as unknown as [
    0,
    0,
    0,
    0,
    string[],
    unknown[],
    number | undefined,
  ];
  return names.map((name, i) => {
    const member = resolve(members[i]);
    const traits = Array.isArray(member) && member.length === 2 ? (member[1] as unknown) : {};
    const { httpQuery, httpHeader } = traits as { httpQuery?: string; httpHeader?: string };
    const location =
      httpQuery !== undefined ? "querystring" : httpHeader !== undefined ? "header" : undefined;
    // 16 is the client's bit for httpPayload when it is the only trait.
    return {
      name,
      required: i < (requiredCount ?? 0),
      location,
      wireName: httpQuery ?? httpHeader,
      payload: traits === 16,
    };
  });
}

function modelMembers(shape: StructureModel): Member[] {
  return Object.entries(shape.members).map(([name, { location, locationName }]) => ({
    name,
    required: shape.required?.includes(name) === true,
    location,
    wireName: locationName,
    payload: shape.payload === name,
  }));
}

const byFirst = ([a]: unknown[], [b]: unknown[]): number => (String(a) < String(b) ? -1 : 1);
const byName = (a: Member, b: Member): number => (a.name < b.name ? -1 : 1);

function structures(service: ServiceModel): [string, StructureModel][] {
  return Object.entries(service.shapes).filter(
    (entry): entry is [string, StructureModel] => entry[1].type === "structure",
  );
}

describe("drift: the model and the official JavaScript client say the same", () => {
  test("operations, methods and paths", () => {
    const operations = [...schemas.values()].filter((schema) => schema[0] === KIND.operation);
    const theirs = operations
      .map(([, , name, traits]) => [name, ...(traits as { http: unknown[] }).http])
      .sort(byFirst);
    expect(theirs).toEqual(
      Object.values(model.operations)
        .map(({ name, http }) => [name, http.method, http.requestUri, 200])
        .sort(byFirst),
    );
  });

  test("inputs and outputs", () => {
    for (const operation of Object.values(model.operations)) {
      const schema = schemas.get(operation.name) as unknown as [0, 0, 0, 0, unknown, unknown];
      expect((resolve(schema[4]) as Schema)[2]).toBe(operation.input.shape);
      expect((resolve(schema[5]) as Schema)[2]).toBe(operation.output.shape);
    }
  });

  test.each(structures(model))("%s: members, where they travel, which are required", (name, shape) => {
    const schema = schemas.get(name) as Schema;
    expect([KIND.structure, KIND.error]).toContain(schema[0]);
    expect(clientMembers(schema).sort(byName)).toEqual(modelMembers(shape).sort(byName));
    if (shape.error !== undefined) expect(schema[3]).toMatchObject({ httpError: shape.error.httpStatusCode });
  });
});

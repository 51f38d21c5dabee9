// Input by the model: every constrained member, and everything that can be wrong with a request.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Fault } from "../core/faults.ts";
import { queryPairs } from "../identity/wire.ts";
import { compileReader } from "./constraints.ts";
import { loadModel, type MemberModel, type ShapeModel, shapeOf, structureOf } from "./model/model.ts";
import { compileInput } from "./parse.ts";

const model = loadModel();

function parse(
  operation: string,
  query: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Record<string, unknown> {
  const bytes =
    body === undefined
      ? Buffer.alloc(0)
      : Buffer.isBuffer(body)
        ? body
        : Buffer.from(typeof body === "string" ? body : JSON.stringify(body));
  const shape = model.operations[operation]?.input.shape as string;
  return compileInput(
    model,
    shape,
    new Map(),
  )({ query: queryPairs(`/?${query}`), headers, body: bytes }) as Record<string, unknown>;
}

function refused(run: () => unknown): Fault {
  try {
    run();
  } catch (error) {
    if (error instanceof Fault) return error;
    throw error;
  }
  throw new Error("accepted");
}

const message = (run: () => unknown): string => refused(run).message;

describe("AWS's wording", () => {
  test("a pattern", () => {
    const fault = refused(() => parse("DescribeDomain", "domain=Bad_D"));
    expect(fault.message).toBe(
      "1 validation error detected: Value 'Bad_D' at 'domain' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-z][a-z0-9\\-]{0,48}[a-z0-9]",
    );
    expect(fault).toMatchObject({
      code: "ValidationException",
      status: 400,
      detail: { reason: "FIELD_VALIDATION_FAILED" },
    });
  });

  test("several at once, in the model's order: length, missing, enum, range", () => {
    expect(message(() => parse("ListPackages", "domain=d&format=conan&max-results=1001"))).toBe(
      [
        "5 validation errors detected: Value 'd' at 'domain' failed to satisfy constraint: Member must have length greater than or equal to 2",
        "Value 'd' at 'domain' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-z][a-z0-9\\-]{0,48}[a-z0-9]",
        "Value null at 'repository' failed to satisfy constraint: Member must not be null",
        "Value 'conan' at 'format' failed to satisfy constraint: Member must satisfy enum value set: [npm, pypi, maven, nuget, generic, ruby, swift, cargo]",
        "Value '1001' at 'maxResults' failed to satisfy constraint: Member must have value less than or equal to 1000",
      ].join("; "),
    );
  });

  test("inside lists, structures and maps", () => {
    expect(
      message(() => parse("CreateDomain", "domain=d1", { tags: [{ key: "k", value: "v" }, { key: "" }] })),
    ).toContain(
      "3 validation errors detected: Value '' at 'tags.2.member.key' failed to satisfy constraint: Member must have length greater than or equal to 1; ",
    );
    expect(message(() => parse("CreateDomain", "domain=d1", { tags: [null] }))).toContain(
      "Value null at 'tags.1.member' failed",
    );
    expect(
      message(() =>
        parse(
          "CopyPackageVersions",
          "domain=d1&source-repository=r1&destination-repository=r2&format=npm&package=p",
          { versionRevisions: { "1.0": "has space" } },
        ),
      ),
    ).toContain("Value 'has space' at 'versionRevisions.1.0.value' failed");
    expect(
      message(() =>
        parse("DeletePackageVersions", "domain=d1&repository=r1&format=npm&package=p", {
          versions: Array(101).fill("1"),
        }),
      ),
    ).toContain(
      "Value '[101 items]' at 'versions' failed to satisfy constraint: Member must have length less than or equal to 100",
    );
  });

  test("a huge value is quoted in part, a million violations are not all told", () => {
    expect(message(() => parse("DescribeDomain", `domain=${"x".repeat(100_000)}`)).length).toBeLessThan(1000);
    expect(
      message(() =>
        parse("CreateRepository", "domain=d1&repository=r1", {
          upstreams: Array.from({ length: 50_000 }, () => ({})),
        }),
      ),
    ).toMatch(/^20 validation errors/);
  });
});

describe("types", () => {
  const cannotParse = (operation: string, query: string, body?: unknown): string => {
    const fault = refused(() => parse(operation, query, body));
    expect(fault).toMatchObject({ code: "ValidationException", detail: { reason: "CANNOT_PARSE" } });
    return fault.message;
  };
  test.each([
    ["tags", { tags: "x" }, "The value at 'tags' must be a list, not the string \"x\"."],
    ["items", { tags: [1] }, "The value at 'tags.1.member' must be an object, not the number \"1\"."],
    ["strings", { encryptionKey: 5 }, "The value at 'encryptionKey' must be a string, not the number \"5\"."],
    [
      "strings that are objects",
      { encryptionKey: { length: 1 } },
      "The value at 'encryptionKey' must be a string, not an object.",
    ],
    ["structures", { tags: [[]] }, "The value at 'tags.1.member' must be an object, not a list."],
  ])("%s", (_what, body, text) => {
    expect(cannotParse("CreateDomain", "domain=d1", body)).toBe(text);
  });

  test("numbers and booleans in the query are text of their own form", () => {
    expect(parse("GetAuthorizationToken", "domain=d1&duration=0")).toEqual({
      domain: "d1",
      durationSeconds: 0,
    });
    for (const text of ["", "1e3", "0x10", " 5", "5.0", "9".repeat(20), "NaN"]) {
      expect(
        cannotParse("GetAuthorizationToken", `domain=d1&duration=${encodeURIComponent(text)}`),
      ).toContain("must be a whole number");
    }
    expect(parse("ListAssociatedPackages", "domain=d1&package-group=/*&preview=true")).toMatchObject({
      preview: true,
    });
    expect(parse("ListAssociatedPackages", "domain=d1&package-group=/*&preview=false")).toMatchObject({
      preview: false,
    });
    expect(cannotParse("ListAssociatedPackages", "domain=d1&package-group=/*&preview=unfinished")).toContain(
      "must be true or false",
    );
    expect(cannotParse("ListDomains", "", { maxResults: "5" })).toContain("'maxResults' must be an integer");
    expect(cannotParse("ListDomains", "", { maxResults: 1.5 })).toContain("'maxResults' must be an integer");
  });

  test("5.7.2 `unfinished` is true as a word and as a boolean", () => {
    const base = `domain=d1&repository=r1&format=generic&package=p&version=1&asset=a`;
    for (const value of ["unfinished", "true"]) {
      const input = parse("PublishPackageVersion", `${base}&unfinished=${value}`, undefined, {
        "x-amz-content-sha256": "0".repeat(64),
      });
      expect(input).toMatchObject({ unfinished: true, assetName: "a", assetSHA256: "0".repeat(64) });
    }
  });

  test.each([
    ["bad JSON", "{"],
    ["a list", "[]"],
    ["a string", '"x"'],
    ["null", "null"],
    ["no UTF-8", Buffer.from([0x7b, 0xff, 0x7d])],
    ["half a million brackets", `{"tags":${"[".repeat(250_000)}${"]".repeat(250_000)}}`],
    ["half a million unclosed brackets", "[".repeat(500_000)],
  ])("a body that is %s is a 400", (_what, body) => {
    cannotParse("CreateDomain", "domain=d1", body);
  });
});

describe("what is let through", () => {
  test("unknown members and parameters, nulls, an absent and an empty body", () => {
    expect(
      parse("CreateDomain", "domain=d1&x=1&x=2", {
        unknown: [1, { deep: {} }],
        tags: null,
        encryptionKey: null,
      }),
    ).toEqual({ domain: "d1" });
    expect(parse("CreateDomain", "domain=d1")).toEqual({ domain: "d1" });
    expect(
      parse("CreateDomain", "domain=d1", "{}", { "content-type": "application/json; charset=utf-8" }),
    ).toEqual({ domain: "d1" });
  });

  test("deep nesting in what is ignored", () => {
    expect(parse("CreateDomain", "domain=d1", `{"x":${"[".repeat(250_000)}${"]".repeat(250_000)}}`)).toEqual({
      domain: "d1",
    });
  });

  test("an empty `domain-owner=` counts as absent (Terraform sends it), other empty parameters do not", () => {
    expect(parse("DescribeDomain", "domain=d1&domain-owner=")).toEqual({ domain: "d1" });
    expect(message(() => parse("DescribeRepository", "domain=d1&repository="))).toContain("at 'repository'");
  });

  test("prototype keys are just keys in maps and nothing elsewhere", () => {
    const body =
      '{"versionRevisions":{"__proto__":"r1","constructor":"r2"},"__proto__":{"includeFromUpstream":true}}';
    const input = parse(
      "CopyPackageVersions",
      "domain=d1&source-repository=r1&destination-repository=r2&format=npm&package=__proto__",
      body,
    );
    expect(Object.entries(input["versionRevisions"] as object)).toEqual([
      ["__proto__", "r1"],
      ["constructor", "r2"],
    ]);
    expect(Object.getPrototypeOf(input["versionRevisions"])).toBeNull();
    expect(input).not.toHaveProperty("includeFromUpstream");
    expect(Object.getPrototypeOf(input)).toBe(Object.prototype);
  });
});

test.each([
  ["CreateRepository", "domain=d1&repository=r1", '{"description":"a","description":"a"}', "description"],
  ["CreateDomain", "domain=d1", '{"tags":[{"key":"a","value":"b","k\\u0065y":"c"}]}', "key"],
  ["CreateDomain", "domain=d1", '{"x":{"y":1,"y":2}}', "y"],
])("a JSON key given twice in one object is ambiguous: 400 (%s %s %s)", (operation, query, body, key) => {
  expect(() => parse(operation, query, body)).toThrow(`the key '${key}' twice`);
});

test("a modelled query parameter given twice is ambiguous: 400", () => {
  expect(message(() => parse("DescribeDomain", "domain=d1&domain=d2"))).toBe(
    "The query parameter 'domain' is given more than once; give it once.",
  );
});

test("a body declared to be something else than JSON is a 415", () => {
  expect(
    refused(() =>
      parse("CreateDomain", "domain=d1", "{}", { "content-type": "application/x-www-form-urlencoded" }),
    ),
  ).toMatchObject({ code: "UnsupportedMediaType" });
});

/** The model's 21 patterns once more, by hand and by code point. */
const asciiSpace = new Set([" ", "\t", "\n", "\v", "\f", "\r"]);
const isControl = (c: string): boolean => /\p{Cc}|\p{Cf}|\p{Cs}|\p{Co}|\p{Cn}/u.test(c);
const every =
  (test: (c: string) => boolean, min = 1) =>
  (text: string): boolean =>
    Array.from(text).length >= min && Array.from(text).every(test);
const notSpace = every((c) => !asciiSpace.has(c));
const among =
  (set: string) =>
  (c: string): boolean =>
    set.includes(c);
const LOWER = "abcdefghijklmnopqrstuvwxyz";
const ALNUM = `${LOWER}${LOWER.toUpperCase()}0123456789`;
const ORACLES: Record<string, (text: string) => boolean> = {
  "[0-9]{12}": (text) => text.length === 12 && Array.from(text).every(among("0123456789")),
  "\\S+": notSpace,
  "\\P{C}+": every((c) => !isControl(c)),
  "\\P{C}*": every((c) => !isControl(c), 0),
  "[a-z][a-z0-9\\-]{0,48}[a-z0-9]": (text) =>
    text.length >= 2 &&
    text.length <= 50 &&
    LOWER.includes(text[0] as string) &&
    Array.from(text).every(among(`${LOWER}0123456789-`)) &&
    !text.endsWith("-"),
  "[A-Za-z0-9][A-Za-z0-9._\\-:]{1,99}": (text) =>
    text.length >= 2 &&
    text.length <= 100 &&
    ALNUM.includes(text[0] as string) &&
    Array.from(text).every(among(`${ALNUM}._-:`)),
  "[A-Za-z0-9][A-Za-z0-9._\\-]{1,99}": (text) =>
    text.length >= 2 &&
    text.length <= 100 &&
    ALNUM.includes(text[0] as string) &&
    Array.from(text).every(among(`${ALNUM}._-`)),
  "[0-9a-f]+": every(among("0123456789abcdef")),
  "[^\\p{C}\\p{IsWhitespace}]+": every((c) => !isControl(c) && !/\p{White_Space}/u.test(c)),
  "[^#/\\s]+": every((c) => c !== "#" && c !== "/" && !asciiSpace.has(c)),
  "[\\P{C}\\s]+": every((c) => !isControl(c) || asciiSpace.has(c)),
};

function verdict(shape: ShapeModel & { type: "string" }, text: string): boolean {
  const length = Array.from(text).length;
  if (length < (shape.min ?? 0) || length > (shape.max ?? Number.POSITIVE_INFINITY)) return false;
  if (shape.enum !== undefined && !shape.enum.includes(text)) return false;
  return shape.pattern === undefined || (ORACLES[shape.pattern] as (text: string) => boolean)(text);
}

const constrainedStrings = [
  ...new Set(Object.values(model.operations).flatMap(({ input }) => leaves(input.shape))),
];

/** Every string shape an input reaches that has a constraint. */
function leaves(name: string): string[] {
  const shape = shapeOf(model, name);
  if (shape.type === "structure")
    return Object.values(shape.members).flatMap((member) => leaves(member.shape));
  if (shape.type === "list") return leaves(shape.member.shape);
  if (shape.type === "map") return [...leaves(shape.key.shape), ...leaves(shape.value.shape)];
  return shape.type === "string" && Object.keys(shape).length > 1 ? [name] : [];
}

/** One query or body member that carries the shape directly, so that the whole path of a request is taken. */
function carrier(shape: string): { operation: string; member: string; model: MemberModel } | undefined {
  for (const operation of Object.values(model.operations)) {
    const found = Object.entries(structureOf(model, operation.input.shape).members).find(
      ([, member]) => member.shape === shape && member.location !== "header",
    );
    if (found !== undefined) return { operation: operation.name, member: found[0], model: found[1] };
  }
  return undefined;
}

describe("property: a value is accepted exactly when an independent reading of its constraints accepts it", () => {
  test("every pattern of the model has an independent reading", () => {
    const patterns = Object.values(model.shapes).flatMap((shape) =>
      shape.type === "string" && shape.pattern !== undefined ? [shape.pattern] : [],
    );
    expect(new Set(patterns)).toEqual(new Set(Object.keys(ORACLES)));
  });

  test.each(constrainedStrings)("%s", (name) => {
    const shape = shapeOf(model, name) as ShapeModel & { type: "string" };
    const at = carrier(name);
    const near = fc.constantFrom(
      ...Array.from("aZ09-._:#/ \t\n\u000b\u00a0\u0085\u2003\u3000\u200b\u0000\u007fé日😀\u{1F468}\u200D"),
      "\\",
      "$",
      "~",
      "*",
      "%",
    );
    const text = fc
      .oneof(
        fc.string({ unit: near, maxLength: 14 }),
        fc.string({ unit: "binary", maxLength: 8 }),
        fc.string({
          unit: fc.constantFrom("a", "0", "-", "f"),
          minLength: 1,
          maxLength: Math.min((shape.max ?? 30) + 3, 1200),
        }),
        fc.constantFrom(
          ...(shape.enum ?? [""]),
          shape.enum?.[0]?.toLowerCase() ?? "",
          `${shape.enum?.[0] ?? ""} `,
        ),
        ...[shape.min, shape.max].flatMap((n) =>
          n === undefined
            ? []
            : [n - 1, n, n + 1]
                .filter((m) => m >= 0)
                .map((m) => fc.constantFrom("a".repeat(m), "😀".repeat(m), "0".repeat(m))),
        ),
      )
      .filter((value) => value.isWellFormed());
    fc.assert(
      fc.property(text, (value) => {
        if (at === undefined) {
          const problems: string[] = [];
          compileReader(model, name)(value, "here", problems);
          expect(problems.length > 0).toBe(!verdict(shape, value));
          return;
        }
        const inQuery = at.model.location === "querystring";
        if (inQuery && value === "" && at.model.emptyIsAbsent === true) return;
        const wireName = at.model.locationName ?? at.member;
        const query = inQuery ? `${wireName}=${encodeURIComponent(value)}` : "";
        const problems = outcome(() =>
          parse(at.operation, query, inQuery ? undefined : { [wireName]: value }),
        );
        expect(problems.includes(`at '${at.member}' failed`)).toBe(!verdict(shape, value));
      }),
      { numRuns: 150 },
    );
  });

  test("numbers", () => {
    fc.assert(
      fc.property(fc.oneof(fc.integer({ min: -10, max: 1010 }), fc.maxSafeInteger()), (value) => {
        const text = outcome(() => parse("ListDomains", "", { maxResults: value }));
        expect(text.includes("at 'maxResults' failed")).toBe(value < 1 || value > 1000);
        const limited = outcome(() => parse("GetAuthorizationToken", `domain=d1&duration=${value}`));
        expect(limited === "").toBe(value >= 0 && value <= 43_200);
      }),
    );
  });

  test("property: nothing that arrives makes it throw anything but a Fault", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...Object.keys(model.operations)),
        fc.json({ maxDepth: 4 }),
        fc.string(),
        (operation, body, query) => {
          outcome(() => parse(operation, encodeURI(query.toWellFormed()), body));
        },
      ),
    );
  });
});

function outcome(run: () => unknown): string {
  try {
    run();
    return "";
  } catch (error) {
    if (error instanceof Fault) return error.message;
    throw error;
  }
}

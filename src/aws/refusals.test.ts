// Bad input over HTTP: every constrained member of every operation, and every way in which a request can be no request.
import { once } from "node:events";
import { createServer, request, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { INPUTS } from "../../test/api-refusals.ts";
import { createAwsDoor } from "./dispatch.ts";
import { loadModel, type MemberModel, type ShapeModel, shapeOf, structureOf } from "./model/model.ts";
import { OPERATION_NAMES, type OperationName } from "./model/types.gen.ts";

const BODY_BYTES_MAX = 64 * 1024;
const model = loadModel();
const logged: unknown[] = [];
let server: Server;

/** The door alone, believing anyone and with no operation in it: what gets past the checks is answered 501. */
beforeAll(async () => {
  const ignore = () => {};
  const log = { debug: ignore, info: ignore, warn: ignore, error: (line: object) => void logged.push(line) };
  const caller = { account: "0".repeat(12), arn: "arn", name: "n", credential: "c", policies: [] };
  const door = createAwsDoor({
    operations: {},
    deps: {},
    authenticate: async ({ bodySha256 }) => {
      await bodySha256?.();
      return caller;
    },
    log,
    bodyBytesMax: BODY_BYTES_MAX,
  });
  server = createServer((req, res) => void door(req, res, "r")).listen(0, "127.0.0.1");
  await once(server, "listening");
});
afterAll(() => {
  server.close().closeAllConnections();
  expect(logged).toEqual([]);
});

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly reason: string;
  readonly message: string;
}

/** Sends an operation's input as the model binds it; `body` instead of the members that travel in one. */
async function send(
  operation: OperationName,
  input: Readonly<Record<string, unknown>>,
  body?: string | Buffer,
  query: readonly string[] = [],
): Promise<Answer> {
  const { http, input: shape } = at(operation);
  const pairs = [...query];
  const headers: Record<string, string> = {};
  const json: Record<string, unknown> = {};
  for (const [name, member] of Object.entries(structureOf(model, shape.shape).members)) {
    const value = input[name];
    if (value === undefined || member.shape === "Asset") continue;
    const wire = member.locationName ?? name;
    if (member.location === "querystring") pairs.push(`${wire}=${encodeURIComponent(inWords(value))}`);
    else if (member.location === "header") headers[wire] = inWords(value);
    else json[wire] = value;
  }
  const bytes = body ?? (Object.keys(json).length > 0 ? JSON.stringify(json) : "");
  return ask(http.method, `${http.requestUri}?${pairs.join("&")}`, headers, bytes);
}

/** As query and headers carry it. */
function inWords(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

async function ask(
  method: string,
  path: string,
  headers: Record<string, string>,
  body: string | Buffer,
): Promise<Answer> {
  const { port } = server.address() as AddressInfo;
  const length = { "content-length": String(Buffer.byteLength(body)) };
  const outgoing = request({ port, method, path, headers: { ...headers, ...length } });
  outgoing.on("error", () => {}); // the answer may come, and the connection go, before the whole body is sent
  outgoing.end(body);
  const [response] = (await once(outgoing, "response")) as [import("node:http").IncomingMessage];
  const answer = JSON.parse(await text(response)) as Record<string, string>;
  return {
    status: response.statusCode ?? 0,
    type: String(response.headers["x-amzn-errortype"]),
    reason: answer["reason"] ?? "",
    message: answer["message"] ?? "",
  };
}

function at(operation: OperationName) {
  const found = model.operations[operation];
  if (found === undefined) throw new Error(`no ${operation}`);
  return found;
}

/** A value that breaks one rule of the model, and how the refusal must say so. */
interface Violation {
  readonly value: unknown;
  readonly reason: "FIELD_VALIDATION_FAILED" | "CANNOT_PARSE";
  readonly says: string;
}

/** Something of each pattern; what is long enough and allowed everywhere is plain letters. */
function sampleText(shape: ShapeModel & { type: "string" }): string {
  if (shape.enum !== undefined) return shape.enum[0] ?? "";
  if (shape.pattern === "[0-9]{12}") return "000000000000";
  return "a".repeat(Math.max(shape.min ?? 0, 2));
}

/** A good value of a shape. */
function sample(name: string): unknown {
  const shape = shapeOf(model, name);
  switch (shape.type) {
    case "string":
      return sampleText(shape);
    case "integer":
    case "long":
      return shape.min ?? 1;
    case "boolean":
      return true;
    case "list":
      return [sample(shape.member.shape)];
    case "map":
      return { [String(sample(shape.key.shape))]: sample(shape.value.shape) };
    case "structure":
      return Object.fromEntries(
        Object.entries(shape.members).map(([member, { shape: of }]) => [member, sample(of)]),
      );
    default:
      return "";
  }
}

const constraint = (value: unknown, where: string, rule: string, shown?: string): Violation => ({
  value,
  reason: "FIELD_VALIDATION_FAILED",
  says: `${shown === undefined ? "" : `Value ${shown} `}at '${where}' failed to satisfy constraint: Member must ${rule}`,
});
const unreadable = (value: unknown, where: string): Violation => ({
  value,
  reason: "CANNOT_PARSE",
  says: `The value at '${where}' must be `,
});

/** Everything that can be wrong with a value of this shape in a JSON body. */
function violations(name: string, where: string): Violation[] {
  const shape = shapeOf(model, name);
  switch (shape.type) {
    case "string":
      return [...textViolations(shape, where), ...[1, true, {}, []].map((v) => unreadable(v, where))];
    case "integer":
    case "long":
      return [...numberViolations(shape, where), ...["1", 1.5, true, {}].map((v) => unreadable(v, where))];
    case "boolean":
      return ["true", 1, {}].map((v) => unreadable(v, where));
    case "list":
      return listViolations(shape, where);
    case "map":
      return mapViolations(shape, where);
    case "structure":
      return structureViolations(name, where);
    default:
      return [];
  }
}

function textViolations({ min, max, pattern, ...rest }: ShapeModel & { type: "string" }, where: string) {
  const found: Violation[] = [];
  const say = (value: string, rule: string) => found.push(constraint(value, where, rule));
  if (min !== undefined && min > 0) say("a".repeat(min - 1), `have length greater than or equal to ${min}`);
  if (max !== undefined) say("a".repeat(max + 1), `have length less than or equal to ${max}`);
  if (pattern !== undefined) say("a b\u0007", `satisfy regular expression pattern: ${pattern}`);
  if (rest.enum !== undefined) say("NoSuchThing", `satisfy enum value set: [${rest.enum.join(", ")}]`);
  return found;
}

function numberViolations(
  { min, max }: { readonly min?: number; readonly max?: number },
  where: string,
): Violation[] {
  const found: Violation[] = [];
  if (max !== undefined)
    found.push(constraint(max + 1, where, `have value less than or equal to ${max}`, `'${max + 1}'`));
  if (min !== undefined)
    found.push(constraint(min - 1, where, `have value greater than or equal to ${min}`, `'${min - 1}'`));
  return found;
}

function listViolations(shape: ShapeModel & { type: "list" }, where: string): Violation[] {
  const item = shape.member.shape;
  const inside = violations(item, `${where}.1.member`).map((v) => ({ ...v, value: [v.value] }));
  const length: Violation[] = [];
  if (shape.max !== undefined)
    length.push(
      constraint(
        Array.from({ length: shape.max + 1 }, () => sample(item)),
        where,
        `have length less than or equal to ${shape.max}`,
      ),
    );
  const nothing = constraint([null], `${where}.1.member`, "not be null", "null");
  return [...inside, ...length, nothing, ...["x", 1, {}].map((v) => unreadable(v, where))];
}

function mapViolations(shape: ShapeModel & { type: "map" }, where: string): Violation[] {
  const key = String(sample(shape.key.shape));
  const values = violations(shape.value.shape, `${where}.${key}.value`);
  const keys = violations(shape.key.shape, `${where}.key`).filter((v) => typeof v.value === "string");
  return [
    ...values.map((v) => ({ ...v, value: { [key]: v.value } })),
    ...keys.map((v) => ({ ...v, value: { [String(v.value)]: sample(shape.value.shape) } })),
    ...["x", 1, []].map((v) => unreadable(v, where)),
  ];
}

function structureViolations(name: string, where: string): Violation[] {
  const whole = sample(name) as Record<string, unknown>;
  const { members, required = [] } = structureOf(model, name);
  const inside = Object.entries(members).flatMap(([member, { shape }]) =>
    violations(shape, `${where}.${member}`).map((v) => ({ ...v, value: { ...whole, [member]: v.value } })),
  );
  const absent = required.map((member) =>
    constraint({ ...whole, [member]: undefined }, `${where}.${member}`, "not be null", "null"),
  );
  return [...inside, ...absent, ...["x", 1, []].map((v) => unreadable(v, where))];
}

/** In the query and in headers everything is text, and an empty `domain-owner=` is none (patches.ts). */
function inText(name: string, { shape: of, location, emptyIsAbsent }: MemberModel): Violation[] {
  const shape = shapeOf(model, of);
  if (shape.type === "boolean" || shape.type === "integer" || shape.type === "long") {
    const words = ["x", "1.5", "1e3", ""].map((v) => unreadable(v, name));
    return shape.type === "boolean" ? words : [...words, ...numberViolations(shape, name)];
  }
  return violations(of, name).flatMap((violation) => {
    const { value } = violation;
    if (typeof value !== "string" || (value === "" && emptyIsAbsent === true)) return [];
    return [location === "header" ? { ...violation, value: value.replace(/[^ -~]/g, "z") } : violation];
  });
}

describe("every member of every operation, over HTTP", () => {
  test.each(OPERATION_NAMES)(
    "400 %s: too long, too short, pattern, enum, type, missing, null",
    async (name) => {
      const good = INPUTS[name] as Record<string, unknown>;
      expect((await send(name, good)).status).toBe(501);
      const { members, required = [] } = structureOf(model, at(name).input.shape);
      for (const [member, bound] of Object.entries(members)) {
        if (bound.shape === "Asset") continue;
        const found = bound.location === undefined ? violations(bound.shape, member) : inText(member, bound);
        if (required.includes(member)) found.push(constraint(undefined, member, "not be null", "null"));
        if (required.includes(member) && bound.location === undefined)
          found.push(constraint(null, member, "not be null", "null"));
        for (const { value, reason, says } of found) {
          const answer = await send(name, { ...good, [member]: value });
          expect(answer, `${member}: ${JSON.stringify(value)?.slice(0, 80)}`).toEqual({
            status: 400,
            type: "ValidationException",
            reason,
            message: expect.stringContaining(says),
          });
        }
        if (!required.includes(member) && bound.location === undefined)
          expect((await send(name, { ...good, [member]: null })).status, `${member}: null is absent`).toBe(
            501,
          );
      }
    },
  );
});

const inJson = OPERATION_NAMES.filter((name) =>
  Object.values(structureOf(model, at(name).input.shape).members).some(
    ({ location, shape }) => location === undefined && shape !== "Asset",
  ),
);
const deep = (pairs: number) => `{"x":${"[".repeat(pairs)}${"]".repeat(pairs)}}`;

describe("bodies", () => {
  test.each(inJson)(
    "400 CANNOT_PARSE %s: no JSON, no object, no UTF-8, brackets without end",
    async (name) => {
      for (const body of [
        "{",
        "[]",
        "null",
        '"x"',
        "1",
        Buffer.from([0x7b, 0xff, 0x7d]),
        "[".repeat(60_000),
      ]) {
        expect(await send(name, INPUTS[name] as Record<string, unknown>, body)).toMatchObject({
          status: 400,
          type: "ValidationException",
          reason: "CANNOT_PARSE",
        });
      }
    },
  );

  test("deep nesting in what is ignored does no harm; of two equal keys neither counts", async () => {
    const input = INPUTS.CreateRepository as Record<string, unknown>;
    expect((await send("CreateRepository", input, deep(30_000))).status).toBe(501);
    for (const body of ['{"description":"ok","description":5}', '{"description":"a","description":"b"}'])
      expect(await send("CreateRepository", input, body)).toMatchObject({
        status: 400,
        type: "ValidationException",
        reason: "CANNOT_PARSE",
      });
  });

  test.each(OPERATION_NAMES.filter((name) => name !== "PublishPackageVersion"))(
    "413 %s: a body over the limit, whether the operation reads one or not",
    async (name) => {
      const body = `{"x":"${"x".repeat(BODY_BYTES_MAX)}"}`;
      const answer = await send(name, INPUTS[name] as Record<string, unknown>, body);
      expect([answer.status, answer.message]).toEqual([
        413,
        expect.stringContaining(`${BODY_BYTES_MAX} bytes`),
      ]);
    },
  );
});

test.each(
  OPERATION_NAMES.filter((name) => "domain" in INPUTS[name] && name !== "PutDomainPermissionsPolicy"),
)("400 CANNOT_PARSE %s: a parameter given twice is ambiguous", async (name) => {
  const answer = await send(name, INPUTS[name] as Record<string, unknown>, undefined, ["domain=d2"]);
  expect(answer).toMatchObject({
    status: 400,
    reason: "CANNOT_PARSE",
    message: "The query parameter 'domain' is given more than once; give it once.",
  });
});

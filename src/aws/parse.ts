// Reads an operation's input from query, headers and body, as the model binds it, and checks all of it.
import { TextDecoder } from "node:util";
import { Fault, invalid } from "../core/faults.ts";
import { duplicateKey } from "../core/json.ts";
import type { InputBlob } from "./blob.ts";
import type { Reader } from "./constraints.ts";
import { compileReader, isRecord, missing, validationFault, wrongType } from "./constraints.ts";
import type { MemberModel, ServiceModel } from "./model/model.ts";
import { shapeOf, structureOf } from "./model/model.ts";

/** A request, already proven genuine, before anything in it is believed. */
export interface RawInput {
  /** Decoded pairs in the order sent (identity/wire.ts). */
  readonly query: readonly (readonly [name: string, value: string])[];
  /** Node's `headers`: lower-case names. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** The bytes, or for a streaming operation the stream itself. */
  readonly body: Uint8Array | InputBlob;
}

/**
 * Throws ValidationException: CANNOT_PARSE when it is not JSON, not an object, of a wrong type or ambiguous;
 * FIELD_VALIDATION_FAILED with every broken constraint otherwise. UnsupportedMediaType for a body declared to be no JSON.
 */
export type InputParser = (raw: RawInput) => unknown;

interface BoundMember {
  readonly name: string;
  readonly model: MemberModel;
  readonly required: boolean;
  /** Undefined for the streamed payload. */
  readonly read: Reader | undefined;
  readonly type: string;
}

/** Compiles the input of one operation. Shapes shared between operations are compiled once through `cache`. */
export function compileInput(
  model: ServiceModel,
  shapeName: string,
  cache: Map<string, Reader>,
): InputParser {
  const shape = structureOf(model, shapeName);
  const members: BoundMember[] = Object.entries(shape.members).map(([name, member]) => ({
    name,
    model: member,
    required: shape.required?.includes(name) === true,
    read: name === shape.payload ? undefined : compileReader(model, member.shape, cache),
    type: shapeOf(model, member.shape).type,
  }));
  const usesJson = members.some((member) => member.model.location === undefined && member.read !== undefined);
  return (raw) => {
    const json = usesJson ? readJson(raw) : undefined;
    const problems: string[] = [];
    const input: Record<string, unknown> = {};
    for (const member of members) {
      const value = memberValue(member, raw, json);
      if (value === undefined || value === null) {
        if (member.required) missing(problems, member.name);
      } else {
        input[member.name] = member.read === undefined ? value : member.read(value, member.name, problems);
      }
    }
    if (problems.length > 0) throw validationFault(problems);
    return input;
  };
}

/** True when the operation's body is the asset itself. */
export function hasStreamingInput(model: ServiceModel, shapeName: string): boolean {
  return structureOf(model, shapeName).payload !== undefined;
}

function memberValue(
  member: BoundMember,
  raw: RawInput,
  json: Readonly<Record<string, unknown>> | undefined,
): unknown {
  if (member.read === undefined) return raw.body;
  const wireName = member.model.locationName ?? member.name;
  if (member.model.location === "querystring") return queryValue(member, wireName, raw.query);
  if (member.model.location === "header") return raw.headers[wireName.toLowerCase()];
  return json !== undefined && Object.hasOwn(json, wireName) ? json[wireName] : undefined;
}

function queryValue(member: BoundMember, wireName: string, query: RawInput["query"]): unknown {
  let found: string | undefined;
  for (const [name, value] of query) {
    if (name !== wireName) continue;
    if (found !== undefined) {
      throw invalid(
        `The query parameter '${wireName}' is given more than once; give it once.`,
        "CANNOT_PARSE",
      );
    }
    found = value;
  }
  if (found === undefined || (found === "" && member.model.emptyIsAbsent === true)) return undefined;
  return fromText(member, found);
}

/** Numbers and booleans arrive as text in the query. */
function fromText({ name, model, type }: BoundMember, text: string): unknown {
  if (type === "boolean") {
    if (text === "true" || model.alsoTrue?.includes(text) === true) return true;
    if (text === "false") return false;
    throw wrongType(text, name, "true or false");
  }
  if (type === "integer" || type === "long") {
    if (!/^-?[0-9]{1,15}$/.test(text)) throw wrongType(text, name, "a whole number");
    return Number(text);
  }
  return text;
}

const UTF8 = new TextDecoder("utf-8", { fatal: true });

function readJson({ body, headers }: RawInput): Readonly<Record<string, unknown>> {
  if (!(body instanceof Uint8Array)) throw new Error("A JSON operation was given a stream.");
  if (body.length === 0) return {};
  checkContentType(headers["content-type"]);
  let value: unknown;
  let twice: string | undefined;
  try {
    const text = UTF8.decode(body);
    value = JSON.parse(text);
    twice = duplicateKey(text);
  } catch (error) {
    throw invalid(`The request body is not valid JSON in UTF-8: ${(error as Error).message}`, "CANNOT_PARSE");
  }
  if (!isRecord(value)) throw invalid("The request body must be a JSON object.", "CANNOT_PARSE");
  if (twice !== undefined)
    throw invalid(
      `The request body has the key '${twice.slice(0, 100)}' twice in one object; give it once.`,
      "CANNOT_PARSE",
    );
  return value;
}

/** No content type is taken as JSON; another one is refused rather than guessed at. */
function checkContentType(header: string | readonly string[] | undefined): void {
  if (header === undefined) return;
  const type = String(header).split(";")[0]?.trim().toLowerCase();
  if (type === "application/json" || type === "application/x-amz-json-1.1") return;
  throw new Fault(
    "UnsupportedMediaType",
    `The content type '${String(header).slice(0, 100)}' is not supported; send application/json.`,
  );
}

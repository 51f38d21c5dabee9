// Writes an operation's output, or an error, as the model binds it: body, headers, raw payload.

import type { FaultCode } from "../core/faults.ts";
import { Fault } from "../core/faults.ts";
import type { OutputBlob } from "./blob.ts";
import type { MemberModel, ServiceModel } from "./model/model.ts";
import { shapeOf, structureOf } from "./model/model.ts";

/** An answer ready to be sent, but for what the door adds to each (request id, length). */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: OutputBlob;
}

type Writer = (value: unknown) => unknown;
export type OutputSerializer = (output: unknown) => Answer;

/** Compiles the output of one operation. Only modelled members leave the house; undefined ones are left out. */
export function compileOutput(
  model: ServiceModel,
  shapeName: string,
  cache: Map<string, Writer>,
): OutputSerializer {
  const shape = structureOf(model, shapeName);
  const members = Object.entries(shape.members);
  const headers = members.filter(([, member]) => member.location === "header");
  const body = members.filter(([name, member]) => member.location === undefined && name !== shape.payload);
  const writeBody = structureWriter(model, body, cache);
  const { payload } = shape;
  return (output) => {
    const values = output as Readonly<Record<string, unknown>>;
    const bound = writeHeaders(headers, values);
    if (payload !== undefined)
      return { status: 200, headers: { ...BLOB_HEADERS, ...bound }, body: values[payload] as OutputBlob };
    return jsonAnswer(200, bound, writeBody(values));
  };
}

/** An asset is somebody else's bytes: never to be run as a page of this host (a presigned address opens in a browser). */
const BLOB_HEADERS = {
  "content-type": "application/octet-stream",
  "content-disposition": "attachment",
  "x-content-type-options": "nosniff",
  "content-security-policy": "sandbox; default-src 'none'",
};

function writeHeaders(
  members: readonly (readonly [string, MemberModel])[],
  values: Readonly<Record<string, unknown>>,
): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [name, member] of members) {
    const value = values[name];
    // Every header of the model's outputs is a string.
    if (value !== undefined) headers[member.locationName ?? name] = headerText(value as string);
  }
  return headers;
}

/** UTF-8 bytes, as characters that Node writes unchanged. */
function headerText(text: string): string {
  return Buffer.from(text, "utf8").toString("latin1");
}

function jsonAnswer(status: number, headers: Readonly<Record<string, string>>, value: unknown): Answer {
  return {
    status,
    headers: { "content-type": "application/json", ...headers },
    body: Buffer.from(JSON.stringify(value)),
  };
}

function compileWriter(model: ServiceModel, name: string, cache: Map<string, Writer>): Writer {
  const known = cache.get(name);
  if (known !== undefined) return known;
  const writer = makeWriter(model, name, cache);
  cache.set(name, writer);
  return writer;
}

function makeWriter(model: ServiceModel, name: string, cache: Map<string, Writer>): Writer {
  const shape = shapeOf(model, name);
  switch (shape.type) {
    case "structure":
      return structureWriter(model, Object.entries(shape.members), cache);
    case "list": {
      const writeItem = compileWriter(model, shape.member.shape, cache);
      return (value) => (value as readonly unknown[]).map(writeItem);
    }
    case "map": {
      const writeValue = compileWriter(model, shape.value.shape, cache);
      return (value) => writeMap(value as Readonly<Record<string, unknown>>, writeValue);
    }
    case "timestamp":
      return (value) => (value as Date).getTime() / 1000;
    default:
      return (value) => value;
  }
}

function structureWriter(
  model: ServiceModel,
  entries: readonly (readonly [string, MemberModel])[],
  cache: Map<string, Writer>,
): Writer {
  const members = entries.map(([name, member]) => [name, compileWriter(model, member.shape, cache)] as const);
  return (value) => {
    const result: Record<string, unknown> = {};
    for (const [name, write] of members) {
      const item = (value as Readonly<Record<string, unknown>>)[name];
      if (item !== undefined) result[name] = write(item);
    }
    return result;
  };
}

function writeMap(map: Readonly<Record<string, unknown>>, writeValue: Writer): Record<string, unknown> {
  const result = Object.create(null) as Record<string, unknown>;
  for (const [key, value] of Object.entries(map)) if (value !== undefined) result[key] = writeValue(value);
  return result;
}

/** What the wire calls the faults that are no exceptions of the model. */
const WIRE_NAMES: Partial<Readonly<Record<FaultCode, string>>> = {
  Unauthenticated: "UnrecognizedClientException",
  MethodNotAllowed: "MethodNotAllowedException",
  NotAcceptable: "NotAcceptableException",
  PayloadTooLarge: "RequestEntityTooLargeException",
  UnsupportedMediaType: "UnsupportedMediaTypeException",
  RequestTimeout: "RequestTimeoutException",
  NotImplemented: "NotImplementedException",
  UpstreamFault: "ServiceUnavailableException",
  ServiceUnavailable: "ServiceUnavailableException",
};

/**
 * A fault as the API words it: name in the header and in `__type` (clients differ in which they read), message and the
 * model's detail members in the body. The API answers 403 where other doors answer 401 (spec 7).
 */
export function serializeFault(fault: Fault): Answer {
  const { detail, code } = fault;
  const name = detail.exception ?? WIRE_NAMES[code] ?? code;
  const headers: Record<string, string> = { "x-amzn-errortype": name };
  if (detail.retryAfterSeconds !== undefined) headers["retry-after"] = String(detail.retryAfterSeconds);
  if (detail.allow !== undefined) headers["allow"] = detail.allow.join(", ");
  if (detail.rule !== undefined) headers["x-portcullis-reason"] = headerText(detail.rule);
  const { reason, resourceId, resourceType } = detail;
  const status = code === "Unauthenticated" ? 403 : fault.status;
  return jsonAnswer(status, headers, {
    __type: name,
    message: fault.message,
    reason,
    resourceId,
    resourceType,
  });
}

/** Something broke here. What it was stays in the log, under the request id. */
export function serializeBug(requestId: string): Answer {
  const message = `The server could not complete the request; its log tells why under the request id ${requestId}.`;
  const name = "InternalServerException";
  return jsonAnswer(500, { "x-amzn-errortype": name }, { __type: name, message });
}

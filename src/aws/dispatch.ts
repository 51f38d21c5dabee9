// DOOR 1: from an HTTP request to an operation and back, driven by the model. Nothing here knows any single operation.
import { createHash } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { pipeline } from "node:stream/promises";
import type { Caller } from "../core/caller.ts";
import { Fault } from "../core/faults.ts";
import type { Log } from "../core/log.ts";
import type { ClientAddress } from "../http/client-address.ts";
import { drain } from "../http/drain.ts";
import { isHangUp } from "../http/hang-up.ts";
import type { SignedRequest } from "../identity/sigv4.ts";
import { queryPairs } from "../identity/wire.ts";
import { noteCaller, noteFault, noteOperation, noteParameters } from "../registry/request-note.ts";
import { checkEncoding, readBody } from "./body.ts";
import { checkOutput } from "./check-output.ts";
import type { Reader } from "./constraints.ts";
import type { OperationModel, ServiceModel } from "./model/model.ts";
import { loadModel } from "./model/model.ts";
import type { OperationName, Operations } from "./model/types.gen.ts";
import type { InputParser } from "./parse.ts";
import { compileInput, hasStreamingInput } from "./parse.ts";
import type { Answer, OutputSerializer } from "./serialize.ts";
import { compileOutput, serializeBug, serializeFault } from "./serialize.ts";

/** What an operation knows of the request besides its input. */
export interface Call {
  readonly caller: Caller;
  readonly requestId: string;
  /** The Host header as sent, for addresses that lead back here; "" when there was none. */
  readonly host: string;
  /** Bytes of a streamed body, where the client announced them. */
  readonly bodyBytes?: number;
}

/** One operation: validated input in, output by the model out; throws Faults. `deps` is what app.ts gave the door. */
export type Operation<K extends OperationName, D> = (
  input: Operations[K]["input"],
  call: Call,
  deps: D,
) => Operations[K]["output"] | Promise<Operations[K]["output"]>;

/** Operations that are left out answer 501. */
export type OperationTable<D> = { readonly [K in OperationName]?: Operation<K, D> };

/** Proves who sent a request, from that address. Throws Unauthenticated (answered 403). */
export type Authenticate = (request: SignedRequest, address: string | undefined) => Promise<Caller>;

export interface AwsDoorOptions<D> {
  readonly operations: OperationTable<D>;
  readonly deps: D;
  readonly authenticate: Authenticate;
  readonly log: Log;
  /** Default: the other end of the connection. */
  readonly addressOf?: ClientAddress;
  /** Largest JSON body, bytes. */
  readonly bodyBytesMax?: number;
  /** Holds every output against the model before it is sent; a deviation is a 500. For tests and development. */
  readonly checkOutputs?: boolean;
}

/** `current` resolves once what is kept here is known to be true; a Fault of it is answered like any other. */
export type AwsDoor = (
  req: IncomingMessage,
  res: ServerResponse,
  requestId: string,
  current?: Promise<void>,
) => Promise<void>;

const BODY_BYTES_MAX = 1024 * 1024;

interface Bound {
  readonly model: OperationModel;
  readonly name: OperationName;
  readonly streaming: boolean;
  readonly parse: InputParser;
  readonly serialize: OutputSerializer;
}

/**
 * Makes the handler of everything under `/v1/`. It never rejects: whatever goes wrong becomes an answer. Order: route,
 * signature, input, implementation; so a stranger learns only that a path exists.
 */
export function createAwsDoor<D>(options: AwsDoorOptions<D>): AwsDoor {
  const model = loadModel();
  const routes = bindOperations(model);
  return async (req, res, requestId, current) => {
    let answer: Answer;
    try {
      await current;
      answer = await answerRequest(options, model, routes, req, requestId);
    } catch (error) {
      if (req.destroyed && !req.complete) return;
      answer = answerError(options.log, error, req, requestId);
    }
    try {
      await send(res, answer, requestId);
    } catch (error) {
      if (!isHangUp(error)) options.log.error({ err: error, requestId }, "an answer broke off");
      res.destroy();
    }
    drain(req);
  };
}

/** By path, then by method: the 48 pairs are unique and have no parameters. */
type Routes = ReadonlyMap<string, ReadonlyMap<string, Bound>>;

function bindOperations(model: ServiceModel): Routes {
  const routes = new Map<string, Map<string, Bound>>();
  const readers = new Map<string, Reader>();
  const writers = new Map();
  for (const operation of Object.values(model.operations)) {
    const { method, requestUri } = operation.http;
    const methods = routes.get(requestUri) ?? new Map<string, Bound>();
    routes.set(requestUri, methods);
    methods.set(method, {
      model: operation,
      name: operation.name as OperationName,
      streaming: hasStreamingInput(model, operation.input.shape),
      parse: compileInput(model, operation.input.shape, readers),
      serialize: compileOutput(model, operation.output.shape, writers),
    });
  }
  return routes;
}

async function answerRequest<D>(
  options: AwsDoorOptions<D>,
  model: ServiceModel,
  routes: Routes,
  req: IncomingMessage,
  requestId: string,
): Promise<Answer> {
  const bound = findOperation(routes, req);
  noteOperation("codeartifact", bound.name);
  const { caller, body } = await authenticate(options, bound, req);
  noteCaller(caller);
  const input = bound.parse({ query: queryPairs(req.url ?? ""), headers: req.headers, body });
  noteParameters(input as object);
  const operation = options.operations[bound.name] as Operation<OperationName, D> | undefined;
  if (operation === undefined) {
    throw new Fault("NotImplemented", `${bound.name} is not implemented yet in this version of Portcullis.`);
  }
  const length = bound.streaming ? req.headers["content-length"] : undefined;
  const call: Call = {
    caller,
    requestId,
    host: req.headers.host ?? "",
    ...(length === undefined ? {} : { bodyBytes: Number(length) }),
  };
  const output = await operation(input as Operations[OperationName]["input"], call, options.deps);
  if (options.checkOutputs === true) {
    const problems = checkOutput(model, bound.model.output.shape, output);
    if (problems.length > 0)
      throw new Error(`${bound.name} returned what the model does not allow: ${problems.join("; ")}`);
  }
  return bound.serialize(output);
}

function findOperation(routes: Routes, req: IncomingMessage): Bound {
  const target = req.url ?? "";
  const mark = target.indexOf("?");
  const path = mark < 0 ? target : target.slice(0, mark);
  const methods = routes.get(path);
  if (methods === undefined) {
    throw new Fault("ValidationException", `The API has no operation at '${path.slice(0, 200)}'.`, {
      reason: "UNKNOWN_OPERATION",
      status: 404,
    });
  }
  const bound = methods.get(req.method ?? "");
  if (bound !== undefined) return bound;
  const allow = [...methods.keys()].sort();
  throw new Fault(
    "MethodNotAllowed",
    `${req.method} is not possible at '${path}'; use ${allow.join(" or ")}.`,
    { allow },
  );
}

/** The body takes part in the signature: it is read before anything is believed, unless it is the asset itself. */
async function authenticate<D>(
  {
    authenticate,
    addressOf = (req) => req.socket.remoteAddress,
    bodyBytesMax = BODY_BYTES_MAX,
  }: AwsDoorOptions<D>,
  bound: Bound,
  req: IncomingMessage,
): Promise<{ caller: Caller; body: Buffer | IncomingMessage }> {
  const signed = { method: req.method ?? "", target: req.url ?? "", headers: req.rawHeaders };
  const address = addressOf(req);
  if (bound.streaming) {
    const caller = await authenticate(signed, address);
    checkEncoding(req);
    return { caller, body: req };
  }
  let body: Buffer | undefined;
  const bodySha256 = async (): Promise<string> => {
    body = await readBody(req, bodyBytesMax);
    return createHash("sha256").update(body).digest("hex");
  };
  const caller = await authenticate({ ...signed, bodySha256 }, address);
  return { caller, body: body ?? (await readBody(req, bodyBytesMax)) };
}

function answerError(log: Log, error: unknown, req: IncomingMessage, requestId: string): Answer {
  noteFault(error);
  if (error instanceof Fault) return serializeFault(error);
  log.error(
    { err: error, requestId, method: req.method, path: req.url?.split("?")[0] },
    "an API request failed",
  );
  return serializeBug(requestId);
}

async function send(
  res: ServerResponse,
  { status, headers, body }: Answer,
  requestId: string,
): Promise<void> {
  const all: Record<string, string | number> = { ...headers, "x-amzn-requestid": requestId };
  if (body instanceof Uint8Array) {
    all["content-length"] = body.length;
    res.writeHead(status, all).end(body);
    return;
  }
  if (body.sizeBytes !== undefined) all["content-length"] = body.sizeBytes;
  res.writeHead(status, all);
  await pipeline(body.stream, res);
}

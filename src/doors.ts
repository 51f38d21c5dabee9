// Which door a request is for, who is asking, and how whatever goes wrong is worded there.
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Caller } from "./core/caller.ts";
import { isPackageFormat, type PackageFormat } from "./core/coordinates.ts";
import { Fault, invalid } from "./core/faults.ts";
import { withoutSecrets } from "./core/secrets.ts";
import type { AuditedRequest } from "./events/audit-record.ts";
import type { FormatDoor, RenderedFault } from "./formats/format.ts";
import type { Address } from "./http/address.ts";
import { parseAddress } from "./http/address.ts";
import type { ClientAddress } from "./http/client-address.ts";
import { drain } from "./http/drain.ts";
import { isHangUp } from "./http/hang-up.ts";
import type { ServerLog } from "./http/log.ts";
import type { Metrics } from "./http/metrics.ts";
import { parseTarget } from "./http/route.ts";
import type { Identities } from "./identity/identify.ts";
import type { Registry, RepositoryRecord } from "./registry/registry.ts";
import type { RequestNote } from "./registry/request-note.ts";
import { emptyNote, noteCaller, noteFault, notePlace, withNote } from "./registry/request-note.ts";

export interface DoorsOptions {
  /** STS, at `POST /`. */
  readonly sts: ApiDoor;
  readonly api: ApiDoor;
  readonly formats: ReadonlyMap<PackageFormat, FormatDoor>;
  readonly registry: Registry;
  readonly identities: Identities;
  /** Called before each request: afterwards what is kept here knows of all that was changed anywhere. See Database.barrier. */
  readonly refresh: () => Promise<void> | undefined;
  readonly ready: () => Promise<void>;
  readonly metrics: Metrics;
  /** Told of every request at the API and the package managers' doors; undefined: nobody keeps them. */
  readonly audit: ((request: AuditedRequest) => void) | undefined;
  readonly log: ServerLog;
  readonly publicUrl: string | undefined;
  readonly addressOf: ClientAddress;
  readonly newRequestId: () => string;
}

/** `current` as `refresh` gave it. */
type ApiDoor = (
  req: IncomingMessage,
  res: ServerResponse,
  requestId: string,
  current: Promise<void> | undefined,
) => Promise<void>;

/** The handler of every request. Never throws; every request gets an answer or its connection is cut. */
export function createDoors(options: DoorsOptions): (req: IncomingMessage, res: ServerResponse) => void {
  return (req, res) => {
    const startedAt = performance.now();
    const requestId = options.newRequestId();
    const name = doorOf(req.url ?? "");
    const door = isPackageFormat(name) ? options.formats.get(name) : undefined;
    const note = emptyNote();
    // Gone once the connection is.
    const from = { at: Date.now(), address: options.addressOf(req) };
    res.once("close", () => {
      finish(options, req, res, name, requestId, startedAt);
      if (name === "api") note.operation ??= UNKNOWN_OPERATION;
      if (note.operation !== undefined || note.place !== undefined)
        options.audit?.(audited(req, res, requestId, note, from));
    });
    withNote(note, () => {
      try {
        const pending = route(options, req, res, requestId);
        pending?.catch((error: unknown) => answerFault(options, req, res, door, error, requestId));
      } catch (error) {
        answerFault(options, req, res, door, error, requestId);
      }
    });
  };
}

const UNKNOWN_OPERATION = { service: "codeartifact", name: "UnknownOperation" } as const;

function audited(
  req: IncomingMessage,
  res: ServerResponse,
  requestId: string,
  note: RequestNote,
  { at, address }: { readonly at: number; readonly address: string | undefined },
): AuditedRequest {
  return {
    at,
    requestId,
    method: req.method ?? "",
    target: req.url ?? "",
    status: res.statusCode,
    address,
    agent: req.headers["user-agent"],
    note,
  };
}

/** By the first segment as it stands: what a request was for must be known before its path can be trusted. */
function doorOf(target: string): string {
  if (target.startsWith("/v1/")) return "api";
  const slash = target.indexOf("/", 1);
  const first = slash < 0 ? "" : target.slice(1, slash);
  return isPackageFormat(first) ? first : "other";
}

/** Reads are the many and are counted only; whatever changed or failed something is told. */
function finish(
  options: DoorsOptions,
  req: IncomingMessage,
  res: ServerResponse,
  door: string,
  requestId: string,
  startedAt: number,
): void {
  const milliseconds = performance.now() - startedAt;
  const method = req.method ?? "";
  options.metrics.observe(door, method, res.statusCode, milliseconds / 1000);
  const quiet = res.statusCode < 400 && (method === "GET" || method === "HEAD");
  if (quiet && !options.log.isLevelEnabled("debug")) return;
  const fields = {
    requestId,
    method,
    target: withoutSecrets(req.url ?? "").slice(0, TARGET_MAX),
    status: res.statusCode,
    milliseconds: Math.round(milliseconds * 10) / 10,
  };
  if (quiet) options.log.debug(fields, "request");
  else options.log.info(fields, "request");
}

const TARGET_MAX = 500;

function route(
  options: DoorsOptions,
  req: IncomingMessage,
  res: ServerResponse,
  requestId: string,
): Promise<void> | void {
  const target = req.url ?? "";
  if (target.startsWith("/v1/")) {
    continueWhenRead(req, res);
    return options.api(req, res, requestId, options.refresh());
  }
  if (req.method === "POST" && (target === "/" || target.startsWith("/?"))) {
    continueWhenRead(req, res);
    return options.sts(req, res, requestId, options.refresh());
  }
  switch (target) {
    case "/healthz":
      return sendText(res, 200, "ok\n");
    case "/readyz":
      return answerReady(options, res);
    case "/metrics":
      return answerMetrics(options, res);
    default: {
      const current = options.refresh();
      return current === undefined
        ? routeFormat(options, req, res, requestId)
        : current.then(() => routeFormat(options, req, res, requestId));
    }
  }
}

async function answerReady({ ready, log }: DoorsOptions, res: ServerResponse): Promise<void> {
  try {
    await ready();
    sendText(res, 200, "ready\n");
  } catch (error) {
    log.warn({ error: String(error) }, "not ready");
    sendText(res, 503, "not ready: the database or the blob store does not answer\n");
  }
}

async function answerMetrics({ metrics }: DoorsOptions, res: ServerResponse): Promise<void> {
  const { contentType, body } = await metrics.render();
  res.writeHead(200, { "content-type": contentType });
  res.end(body);
}

function sendText(res: ServerResponse, status: number, text: string): void {
  res.writeHead(status, {
    "content-type": "text/plain; charset=utf-8",
    "content-length": Buffer.byteLength(text),
  });
  res.end(text);
}

function routeFormat(
  options: DoorsOptions,
  req: IncomingMessage,
  res: ServerResponse,
  requestId: string,
): Promise<void> | void {
  const target = parseTarget(req.url ?? "");
  const address = parseAddress(target.segments, req.headers.host, options.publicUrl);
  const door = address === undefined ? undefined : options.formats.get(address.format);
  if (address === undefined || door === undefined) {
    throw new Fault(
      "ResourceNotFoundException",
      "There is nothing at this address. Package managers are served at /{format}/d/{domain}-{account}/{repository}/, the API under /v1/.",
    );
  }
  notePlace(address);
  const enter = (caller: Caller, repository: RepositoryRecord): Promise<void> | void => {
    continueWhenRead(req, res);
    noteCaller(caller);
    return door.handle({
      req,
      res,
      method: req.method ?? "GET",
      segments: address.rest,
      query: target.query,
      repository,
      caller,
      baseUrl: address.baseUrl,
      clientAddress: options.addressOf(req),
      requestId,
    });
  };
  try {
    const caller = options.identities.known(req.headers.authorization, options.addressOf(req));
    const repository =
      caller && options.registry.knownRepository(address.domain, address.owner, address.repository);
    // Hot path: nothing to wait for.
    const pending =
      caller !== undefined && repository !== undefined
        ? enter(caller, repository)
        : introduce(options, req, address).then((met) => enter(met.caller, met.repository));
    return pending?.catch((error: unknown) => answerFault(options, req, res, door, error, requestId));
  } catch (error) {
    answerFault(options, req, res, door, error, requestId);
  }
}

async function introduce(
  options: DoorsOptions,
  req: IncomingMessage,
  address: Address,
): Promise<{ caller: Caller; repository: RepositoryRecord }> {
  const caller = await options.identities.fromHeader(req.headers.authorization, options.addressOf(req));
  return {
    caller,
    repository: await options.registry.repository(address.domain, address.owner, address.repository, caller),
  };
}

/**
 * A client that waits for permission to send its body (curl, for large files) gets it when the body is first read: what
 * is refused before that costs it nothing.
 */
function continueWhenRead(req: IncomingMessage, res: ServerResponse): void {
  if (req.headers.expect?.toLowerCase() !== "100-continue") return;
  const read = req._read.bind(req);
  req._read = (size) => {
    req._read = read;
    if (!res.headersSent) res.writeContinue();
    read(size);
  };
}

function answerFault(
  options: DoorsOptions,
  req: IncomingMessage,
  res: ServerResponse,
  door: FormatDoor | undefined,
  error: unknown,
  requestId: string,
): void {
  noteFault(error);
  if (error instanceof Fault) {
    if (error.status >= 500) options.log.warn({ requestId, reason: error.message }, "a request failed");
  } else if (!isHangUp(error))
    options.log.error(
      { err: error, requestId, target: withoutSecrets(req.url ?? "") },
      "a request failed on a bug",
    );
  if (res.headersSent || res.destroyed) return void res.destroy();
  const fault = error instanceof Fault ? error : undefined;
  const { contentType, body, reasonPhrase, headers } = wording(door, fault, requestId);
  if (reasonPhrase !== undefined) res.statusMessage = headerText(reasonPhrase).slice(0, REASON_PHRASE_MAX);
  const status = fault?.status ?? 500;
  res.writeHead(status, {
    ...headers,
    "content-type": contentType,
    "content-length": Buffer.byteLength(body),
    "x-request-id": requestId,
    "x-content-type-options": "nosniff",
    ...faultHeaders(fault),
  });
  res.end(req.method === "HEAD" ? undefined : body);
  drain(req);
}

/** Longer ones are cut by some clients and refused by others, characters. */
const REASON_PHRASE_MAX = 500;

function wording(door: FormatDoor | undefined, fault: Fault | undefined, requestId: string): RenderedFault {
  if (door !== undefined && fault !== undefined) return door.renderFault(fault);
  const text = fault?.message ?? `Something went wrong here, not with the request. Its id is ${requestId}.`;
  if (door !== undefined) return door.renderFault(invalid(text));
  return { contentType: "text/plain; charset=utf-8", body: `${text}\n` };
}

function faultHeaders(fault: Fault | undefined): Record<string, string> {
  const headers: Record<string, string> = {};
  if (fault?.code === "Unauthenticated")
    headers["www-authenticate"] = 'Basic realm="portcullis", Bearer realm="portcullis"';
  if (fault?.detail.allow !== undefined) headers.allow = fault.detail.allow.join(", ");
  if (fault?.detail.retryAfterSeconds !== undefined)
    headers["retry-after"] = String(fault.detail.retryAfterSeconds);
  if (fault?.detail.rule !== undefined) headers["x-portcullis-reason"] = headerText(fault.detail.rule);
  return headers;
}

/** Header values are ASCII: anything else of a name is percent-encoded. */
function headerText(text: string): string {
  return text.replace(/[^\u0020-\u007e]+/gu, encodeURIComponent).slice(0, 2_000);
}

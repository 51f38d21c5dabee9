// An audit record: who asked for what, from where, and what came of it. Made of what the doors gathered, without any secret.
import { isRead } from "../core/actions.ts";
import type { Caller } from "../core/caller.ts";
import { Fault } from "../core/faults.ts";
import { withoutSecrets } from "../core/secrets.ts";
import type { RequestNote } from "../registry/request-note.ts";

/** What a door knows of a request once it is answered; cheap to make, since each request makes one. */
export interface AuditedRequest {
  readonly at: number;
  readonly requestId: string;
  readonly method: string;
  readonly target: string;
  readonly status: number;
  readonly address: string | undefined;
  readonly agent: string | undefined;
  /** What the rooms found out on the way. */
  readonly note: RequestNote;
}

/** As it is stored: one JSON line. */
export interface AuditRecord {
  readonly at: number;
  readonly requestId: string;
  readonly service: "codeartifact" | "sts";
  /** The operation, or the permission of a package manager's request. */
  readonly action: string;
  readonly method: string;
  readonly uri: string;
  readonly status: number;
  readonly address?: string | undefined;
  readonly agent?: string | undefined;
  readonly caller?: AuditedCaller;
  readonly domain?: string | undefined;
  readonly owner?: string | undefined;
  readonly repository?: string | undefined;
  readonly format?: string | undefined;
  readonly namespace?: string | undefined;
  readonly package?: string | undefined;
  readonly version?: string | undefined;
  /** Of an API request. */
  readonly parameters?: object;
  readonly errorCode?: string;
  readonly errorMessage?: string;
}

export type AuditedCaller = Pick<Caller, "account" | "arn" | "name" | "credential" | "userId" | "roleArn">;

const URI_MAX = 1_000;
const AGENT_MAX = 256;
const MESSAGE_MAX = 1_000;
const PARAMETERS_MAX = 8_000;
const TEXT_MAX = 200;
const LIST_MAX = 100;

/** The record as a line of JSON. Put together by hand: thousands a second share a thread with what they tell of. */
export function auditLine(request: AuditedRequest): string {
  const { at, requestId, method, status, address, agent, note } = request;
  const service = note.operation?.service ?? "codeartifact";
  const uri = withoutSecrets(request.target).slice(0, URI_MAX);
  const caller = note.caller === undefined ? "" : callerFragment(note.caller);
  const facts = note.operation === undefined ? packageFragment(note) : fragment(operationFacts(note));
  const error = status < 400 && note.fault === undefined ? "" : fragment(errorOf(request));
  return `{"at":${at},"requestId":"${requestId}","service":"${service}"${field("action", actionOf(request))}${field("method", method)}${field("uri", uri)},"status":${status}${field("address", address)}${field("agent", agent?.slice(0, AGENT_MAX))}${caller}${facts}${error}}\n`;
}

function field(name: string, value: string | undefined): string {
  if (value === undefined || value === "") return "";
  return PLAIN.test(value) ? `,"${name}":"${value}"` : `,"${name}":${JSON.stringify(value)}`;
}

/** What JSON writes as it is. */
const PLAIN = /^[ !#-[\]-~]*$/;

function fragment(facts: object): string {
  const text = JSON.stringify(facts);
  return text === "{}" ? "" : `,${text.slice(1, -1)}`;
}

/** Callers live as long as their credentials are remembered, and are shared by their requests. */
const callerFragments = new WeakMap<Caller, string>();

function callerFragment(caller: Caller): string {
  let known = callerFragments.get(caller);
  if (known === undefined) callerFragments.set(caller, (known = fragment({ caller: callerOf(caller) })));
  return known;
}

function packageFragment({ place, key, version }: RequestNote): string {
  return (
    field("domain", place?.domain) +
    field("owner", place?.owner) +
    field("repository", place?.repository) +
    field("format", place?.format) +
    field("namespace", key?.namespace) +
    field("package", key?.name) +
    field("version", version)
  );
}

/** Whether it only looked and was let: what `--audit changes` leaves out. */
export function isQuietRead(request: AuditedRequest): boolean {
  return isRead(actionOf(request)) && request.status !== 401 && request.status !== 403;
}

/** A request that was refused before a permission was asked for is told under the one that its method suggests. */
function actionOf({ note: { operation, action }, method }: AuditedRequest): string {
  if (operation !== undefined) return operation.name;
  if (action !== undefined) return action;
  if (method === "GET" || method === "HEAD") return "ReadFromRepository";
  return method === "DELETE" ? "DeletePackageVersions" : "PublishPackageVersion";
}

function callerOf({ account, arn, name, credential, userId, roleArn }: Caller): AuditedCaller {
  return {
    account,
    arn,
    name,
    credential,
    ...(userId === undefined ? {} : { userId }),
    ...(roleArn === undefined ? {} : { roleArn }),
  };
}

function operationFacts({ parameters, caller, key }: RequestNote): Partial<AuditRecord> {
  if (parameters === undefined) return {};
  const input = parameters as Readonly<Record<string, unknown>>;
  const text = (name: string): string | undefined => {
    const value = input[name];
    return typeof value === "string" ? value : undefined;
  };
  const domain = text("domain");
  return {
    domain,
    owner: domain === undefined ? undefined : (text("domainOwner") ?? caller?.account),
    repository: text("repository") ?? text("destinationRepository"),
    format: text("format"),
    namespace: key?.namespace ?? text("namespace"),
    package: key?.name ?? text("package"),
    version: text("packageVersion"),
    parameters: boundedParameters(input),
  };
}

/** Without bytes and streams; long texts are cut when the whole is long. */
function boundedParameters(input: object): object {
  const told = Object.fromEntries(Object.entries(input).filter(([, value]) => !isBytes(value)));
  const whole = JSON.stringify(told);
  if (whole.length <= PARAMETERS_MAX) return told;
  const cut = JSON.stringify(told, (_, value: unknown) => {
    if (typeof value === "string" && value.length > TEXT_MAX) return `${value.slice(0, TEXT_MAX)}…`;
    return Array.isArray(value) ? value.slice(0, LIST_MAX) : value;
  });
  return cut.length <= 4 * PARAMETERS_MAX ? (JSON.parse(cut) as object) : { truncated: true };
}

function isBytes(value: unknown): boolean {
  return value instanceof Uint8Array || (typeof value === "object" && value !== null && "pipe" in value);
}

function errorOf({ status, note: { fault } }: AuditedRequest): Partial<AuditRecord> {
  if (fault instanceof Fault) {
    const code = fault.detail.exception ?? fault.code;
    return { errorCode: code, errorMessage: withoutSecrets(fault.message).slice(0, MESSAGE_MAX) };
  }
  if (fault !== undefined && status >= 500) return { errorCode: "InternalServerException" };
  return status >= 400 ? { errorCode: CODES[status] ?? `Http${status}` } : {};
}

/** For refusals that a format words itself. */
const CODES: Readonly<Record<number, string>> = {
  400: "ValidationException",
  401: "Unauthenticated",
  403: "AccessDeniedException",
  404: "ResourceNotFoundException",
  409: "ConflictException",
};

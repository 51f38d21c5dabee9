// An audit record: who asked for what, from where, and what came of it. Made of what the doors gathered, without any secret.

import { isRead } from "../core/actions.ts";
import type { Caller } from "../core/caller.ts";
import type { PackageKey } from "../core/coordinates.ts";
import { Fault } from "../core/faults.ts";
import { withoutSecrets } from "../core/secrets.ts";

/** What a door knows of a request once it is answered; cheap to make, since each request makes one. */
export interface AuditedRequest {
  readonly at: number;
  readonly requestId: string;
  readonly method: string;
  readonly target: string;
  readonly status: number;
  readonly address: string | undefined;
  readonly agent: string | undefined;
  readonly caller: Caller | undefined;
  /** Of an API request. */
  readonly operation: { readonly service: "codeartifact" | "sts"; readonly name: string } | undefined;
  readonly parameters: object | undefined;
  /** Of a package manager's: the permission it asked for; undefined when it did not come so far. */
  readonly action: string | undefined;
  readonly place: AuditedPlace | undefined;
  readonly key: PackageKey | undefined;
  readonly version: string | undefined;
  readonly fault: unknown;
}

/** The names in a package manager's address. */
export interface AuditedPlace {
  readonly domain: string;
  readonly owner: string;
  readonly repository: string;
  readonly format: string;
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

export function auditRecord(request: AuditedRequest): AuditRecord {
  const { at, requestId, method, status, address, agent, caller, operation } = request;
  return {
    at,
    requestId,
    service: operation?.service ?? "codeartifact",
    action: actionOf(request),
    method,
    uri: withoutSecrets(request.target).slice(0, URI_MAX),
    status,
    address,
    agent: agent?.slice(0, AGENT_MAX),
    ...(caller === undefined ? {} : { caller: callerOf(caller) }),
    ...(operation === undefined ? packageFacts(request) : operationFacts(request)),
    ...errorOf(request),
  };
}

/** Whether it only looked and was let: what `--audit changes` leaves out. */
export function isQuietRead(request: AuditedRequest): boolean {
  return isRead(actionOf(request)) && request.status !== 401 && request.status !== 403;
}

/** A request that was refused before a permission was asked for is told under the one that its method suggests. */
function actionOf({ operation, action, method }: AuditedRequest): string {
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

function packageFacts({ place, key, version }: AuditedRequest): Partial<AuditRecord> {
  return {
    domain: place?.domain,
    owner: place?.owner,
    repository: place?.repository,
    format: place?.format,
    namespace: key?.namespace === "" ? undefined : key?.namespace,
    package: key?.name,
    version,
  };
}

function operationFacts({ parameters, caller, key }: AuditedRequest): Partial<AuditRecord> {
  if (parameters === undefined) return {};
  const input = parameters as Readonly<Record<string, unknown>>;
  const text = (name: string): string | undefined =>
    typeof input[name] === "string" ? (input[name] as string) : undefined;
  const domain = text("domain");
  return {
    domain,
    owner: domain === undefined ? undefined : (text("domainOwner") ?? caller?.account),
    repository: text("repository") ?? text("destinationRepository"),
    format: text("format"),
    namespace: key?.namespace || text("namespace"),
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

function errorOf({ status, fault }: AuditedRequest): Partial<AuditRecord> {
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

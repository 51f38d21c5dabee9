// What goes wrong outside, worded for the person who asked: one Fault per cause, naming the connection and what to do.
import { Fault } from "../core/faults.ts";
import { showUrl } from "./address.ts";
import type { Connection } from "./upstream.ts";

/** A failure, and whether it says something about the registry as a whole or about one document only. */
export interface Trouble {
  readonly fault: Fault;
  readonly scope: "registry" | "document";
  /** How long the registry asked to be left alone, ms. */
  readonly pauseMs?: number;
}

/** A time limit of ours ran out. */
export class TimeLimit extends Error {
  readonly code = "ERR_TIME_LIMIT";
}

/** The registry answered, but not with what was asked for. `message` completes "… answered …". */
export class BadAnswer extends Error {
  readonly code = "ERR_BAD_ANSWER";
}

/** Carries a trouble whose words are found already. */
export class Refusal extends Error {
  readonly trouble: Trouble;
  constructor(trouble: Trouble) {
    super(trouble.fault.message);
    this.trouble = trouble;
  }
}

const TIMEOUTS = new Set([
  "ERR_TIME_LIMIT",
  "UND_ERR_CONNECT_TIMEOUT",
  "UND_ERR_HEADERS_TIMEOUT",
  "UND_ERR_BODY_TIMEOUT",
  "ETIMEDOUT",
]);
const RESETS = new Set(["ECONNRESET", "EPIPE", "UND_ERR_SOCKET"]);
const RETRY_AFTER_SECONDS_MAX = 3600;

/** The connection was cut: a GET may be tried once more. */
export function isReset(error: unknown): boolean {
  return RESETS.has(codeOf(error));
}

/** Words an error of the network or of ours. Only its code is shown: messages may carry addresses with credentials. */
export function troubleOf(error: unknown, connection: Connection, url: string): Trouble {
  if (error instanceof Refusal) return error.trouble;
  if (error instanceof Fault) return { fault: error, scope: "document" };
  const code = codeOf(error);
  const where = `${whereOf(connection)} (${showUrl(url)})`;
  if (error instanceof Error && (code === "ERR_BAD_ANSWER" || code === "ERR_ADDRESS_REFUSED")) {
    return { fault: upstreamFault(`${where}: ${error.message}.`, 502), scope: "document" };
  }
  if (TIMEOUTS.has(code)) {
    const fault = upstreamFault(`${where} did not answer in time. ${advice(connection)}`, 504);
    return { fault, scope: code === "UND_ERR_BODY_TIMEOUT" ? "document" : "registry" };
  }
  return {
    fault: upstreamFault(`${where} could not be reached: ${code}. ${advice(connection)}`, 502),
    scope: "registry",
  };
}

/** Words a status that is no answer to the question: 429 and 503 ask to wait, all others are bad answers. */
export function troubleOfStatus(
  status: number,
  headers: Readonly<Record<string, string>>,
  connection: Connection,
  url: string,
  now: number,
): Trouble {
  const where = `${whereOf(connection)} (${showUrl(url)})`;
  if (status === 429 || status === 503) {
    const seconds = retryAfter(headers["retry-after"], now);
    const told = status === 429 ? "asks to send fewer requests" : "is not available for the moment";
    const fault = upstreamFault(
      `${where} ${told} (${status}). Try again in ${seconds ?? 5} s.`,
      503,
      seconds ?? 5,
    );
    return { fault, scope: "registry", ...(seconds === undefined ? {} : { pauseMs: seconds * 1000 }) };
  }
  const denied = status === 401 || status === 403 || status === 407;
  const next = denied ? `It refuses access: check the credentials that are set for it.` : advice(connection);
  return { fault: upstreamFault(`${where} answered with status ${status}. ${next}`, 502), scope: "document" };
}

/** Seconds from a Retry-After header in either of its forms, from 1 to an hour; undefined without a usable one. */
export function retryAfter(value: string | undefined, now: number): number | undefined {
  if (value === undefined || value.trim() === "") return undefined;
  const seconds = /^\s*\d+\s*$/.test(value) ? Number(value) : Math.ceil((Date.parse(value) - now) / 1000);
  return Number.isNaN(seconds) ? undefined : Math.min(Math.max(seconds, 1), RETRY_AFTER_SECONDS_MAX);
}

function upstreamFault(message: string, status: number, retryAfterSeconds?: number): Fault {
  return new Fault("UpstreamFault", message, {
    status,
    ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
  });
}

function whereOf({ name }: Connection): string {
  return `The registry of the external connection '${name}'`;
}

function advice({ name }: Connection): string {
  return `Check that this server can reach it, or set where it is with --upstream ${name}=URL.`;
}

function codeOf(error: unknown): string {
  if (typeof error !== "object" || error === null) return "unknown cause";
  if ("code" in error && typeof error.code === "string") return error.code;
  if ("cause" in error && error.cause !== error) return codeOf(error.cause);
  return error instanceof Error ? error.name : "unknown cause";
}

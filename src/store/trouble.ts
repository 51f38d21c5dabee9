// What a database that does not answer, or not now, is to a caller: a brief 503, or nothing at all where asking again helps.
import type { Fault } from "../core/faults.ts";
import { Fault as FaultError, unavailable } from "../core/faults.ts";

/** What stands behind a Fault of this file, for logs and for those who try again. */
export function causeOf(error: unknown): { readonly code?: string; readonly message?: string } {
  const cause = error instanceof FaultError ? error.cause : error;
  return typeof cause === "object" && cause !== null ? cause : {};
}

/** Longest name first: the first that a SQLSTATE or a system's error code begins with says what is the matter. */
const POSTGRES: readonly (readonly [RegExp, string])[] = [
  [
    /^40001|^40P01/,
    "The database could not agree on an order for this change and others, after several attempts.",
  ],
  [/^55P03/, "The database is busy: another change holds what this one needs."],
  [/^57014/, "The database took too long to answer."],
  [/^53300/, "The database takes no more connections."],
  [/^53/, "The database is short of memory or disk."],
  [/^25006/, "The database takes no changes at the moment: it is a standby, or is failing over."],
  [/^57P03/, "The database is starting or stopping."],
  [/^57P|^25P0[34]/, "The database ended the connection."],
  [/^08(?!P01)|^58030/, "The connection to the database broke."],
  [/^28|^3D000/, "The database refuses this server's credentials or database name."],
  [/^(ECONNRESET|EPIPE|ERR_STREAM)/, "The connection to the database broke."],
  [
    /^(CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_|ERR_TLS|ERR_SSL)/,
    "The database's certificate is not trusted.",
  ],
  [
    /^(ECONNREFUSED|ETIMEDOUT|ENOTFOUND|EAI_|EHOSTUNREACH|ENETUNREACH|EHOSTDOWN|ENETDOWN|ENOENT|EADDRNOTAVAIL|EMFILE|EACCES)/,
    "The database cannot be reached.",
  ],
];

/** pg has no codes for what goes wrong on this side. */
const MESSAGES: readonly (readonly [RegExp, string])[] = [
  [/^timeout exceeded when trying to connect/, "All connections to the database are busy."],
  [/^Connection terminated due to connection timeout/, "The database cannot be reached."],
  [/^Query read timeout/, "The database took too long to answer."],
  [
    /^Connection terminated|not queryable|has been discarded|^Client was closed/,
    "The connection to the database broke.",
  ],
  [/calling end on the pool|already been destroyed/, "This server is stopping."],
];

/** Postgres's or pg's error as a caller is told of it; undefined for what is no trouble of the database but a bug or a row in the way. */
export function postgresTrouble(error: unknown, nothingRecorded: string): Fault | undefined {
  if (error instanceof FaultError) return error;
  const { code, message = "" } = causeOf(error);
  if (code === "53100") return diskFull(error);
  const [, what] =
    (typeof code === "string" ? POSTGRES.find(([form]) => form.test(code)) : undefined) ??
    MESSAGES.find(([form]) => form.test(message)) ??
    [];
  return what === undefined ? undefined : unavailable(`${what} ${nothingRecorded}`, 1, error);
}

/** Whether the connection is of no more use: it broke, or it leads to a server that takes no changes any more. */
export function isConnectionLost(error: unknown): boolean {
  const { code, message = "" } = causeOf(error);
  return (
    (typeof code === "string" && /^(08(?!P01)|57P|25006|25P0[34]|58030|E[A-Z]{3})/.test(code)) ||
    /^Connection terminated|^Query read timeout|not queryable|^Client was closed/.test(message)
  );
}

/** A prepared statement whose table has got a column meanwhile, by a newer version's migration. */
export function isStalePlan(error: unknown): boolean {
  const { code, message = "" } = causeOf(error);
  return (code === "0A000" && message.startsWith("cached plan must not change")) || code === "26000";
}

/** Two transactions stood in each other's way, and one was chosen to begin again. */
export function isRetryable(error: unknown): boolean {
  const { code } = causeOf(error);
  return code === "40001" || code === "40P01" || isStalePlan(error);
}

/** node:sqlite's error as a caller is told of it; undefined for anything else. */
export function sqliteTrouble(error: unknown): Fault | undefined {
  const { errcode } = error as { readonly errcode?: number };
  if (errcode === undefined) return undefined;
  switch (errcode & 0xff) {
    case 5: // SQLITE_BUSY
    case 6: // SQLITE_LOCKED
      return unavailable(`The database is busy: another process is writing. ${NOTHING_RECORDED}`, 1, error);
    case 8: // SQLITE_READONLY
    case 14: // SQLITE_CANTOPEN
      return unavailable(`The database's file cannot be written. ${NOTHING_RECORDED}`, 5, error);
    case 10: // SQLITE_IOERR
      return unavailable(`The database's file cannot be read or written. ${NOTHING_RECORDED}`, 5, error);
    case 13: // SQLITE_FULL
      return diskFull(error);
    default:
      return undefined;
  }
}

export const NOTHING_RECORDED = "Nothing was recorded; send the request again in a moment.";

/** For a commit whose answer was lost. */
export const PERHAPS_RECORDED =
  "Whether the change was recorded is not known; sending the same again is safe, and tells.";

/** Waiting does not mend it: no Retry-After. */
function diskFull(cause: unknown): Fault {
  const message =
    "The database's disk is full, so nothing was recorded. Whoever runs this server must make room.";
  return Object.assign(new FaultError("ServiceUnavailable", message, { status: 507 }), { cause });
}

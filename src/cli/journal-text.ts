// An entry of journal or audit as one line: for readers (time, who, what, why), or as JSON.
import type { AuditRecord } from "../events/audit-record.ts";
import type { HistoryEntry } from "../events/history.ts";
import type { JournalRecord } from "../store/journal.ts";

/** Domains by id. */
export type Names = ReadonlyMap<number, string>;

export function textLine(entry: HistoryEntry, names: Names): string {
  const parts = entry.source === "journal" ? journalParts(entry.record, names) : auditParts(entry.record);
  const time = `${new Date(entry.at).toISOString().slice(0, 19)}Z`;
  return `${harmless([time, ...parts].filter((part) => part !== "").join("  "))}\n`;
}

/** What clients sent must not move the cursor or pretend to be another line. */
function harmless(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, "\ufffd");
}

function journalParts(record: JournalRecord, names: Names): string[] {
  const { actor, event, repository, key, version, domainId, detail } = record;
  const scope = key.format === "npm" && key.namespace !== "" ? `@${key.namespace}` : key.namespace;
  const path = [key.format, scope, key.name].filter((part) => part !== "").join("/");
  const place = [names.get(domainId) ?? (domainId === 0 ? "" : `domain ${domainId}`), repository]
    .filter((part) => part !== "")
    .join("/");
  const what = [event, path, version, place === "" ? "" : `in ${place}`].filter((part) => part !== "");
  return [shortName(actor), what.join(" "), why(detail)];
}

/** `arn:aws:iam::…:user/anna` is `anna`; a session keeps its role. */
function shortName(arn: string): string {
  return arn.replace(/^arn:[^/]*:[a-z-]+\//, "");
}

function why(detail: Readonly<Record<string, unknown>>): string {
  return Object.entries(detail)
    .map(([name, value]) => `${name}=${typeof value === "string" ? value : brief(name, value)}`)
    .join(" ");
}

function brief(name: string, value: unknown): string {
  if (name === "assets" && Array.isArray(value))
    return value.map((asset: { readonly name?: string }) => asset.name ?? "").join(",");
  if (name === "reasons" && Array.isArray(value))
    return value.map((reason: { readonly rule?: unknown }) => ruleOf(reason.rule)).join(",");
  return JSON.stringify(value);
}

function ruleOf(rule: unknown): string {
  return typeof rule === "string" ? rule : JSON.stringify(rule);
}

function auditParts(record: AuditRecord): string[] {
  const { caller, address = "", action, method, uri, status, errorCode, errorMessage = "" } = record;
  const who = caller === undefined ? `(not known, ${address})` : shortName(caller.arn);
  const error = errorCode === undefined ? "" : `${errorCode}: ${errorMessage}`;
  return [who, `${action} ${method} ${uri} → ${status}`, error];
}

/** One object per line; `source` says which of the two it is. */
export function jsonLine(entry: HistoryEntry, names: Names): string {
  const { source, at, record } = entry;
  const time = new Date(at).toISOString();
  if (source === "audit") return `${JSON.stringify({ source, time, ...record, at: undefined })}\n`;
  const { domainId, key, at: _, ...rest } = record;
  const { format, namespace, name } = key;
  const what = { domain: names.get(domainId), format, namespace, package: name };
  return `${JSON.stringify({ source, time, ...rest, ...what })}\n`;
}

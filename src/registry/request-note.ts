// What the rooms find out about the request they work for, kept for its audit record; see docs/decisions/0007.
import { AsyncLocalStorage } from "node:async_hooks";
import { isRead } from "../core/actions.ts";
import type { Caller } from "../core/caller.ts";
import type { PackageKey } from "../core/coordinates.ts";
import type { RepositoryRecord } from "./registry.ts";

/** Made by the door of a request and filled in on the way; nothing decides by it. */
export interface RequestNote {
  caller: Caller | undefined;
  /** Of the first permission asked for, unless one to change something is asked for later. */
  action: string | undefined;
  repository: RepositoryRecord | undefined;
  key: PackageKey | undefined;
  version: string | undefined;
  /** What a package manager's address names. */
  place: NotedPlace | undefined;
  /** Of an API request: the operation, and its input once that is understood. */
  operation: { readonly service: "codeartifact" | "sts"; readonly name: string } | undefined;
  parameters: object | undefined;
  /** Why it failed. */
  fault: unknown;
}

export interface NotedPlace {
  readonly domain: string;
  readonly owner: string;
  readonly repository: string;
  readonly format: string;
}

const notes = new AsyncLocalStorage<RequestNote>();

export function emptyNote(): RequestNote {
  return {
    caller: undefined,
    action: undefined,
    repository: undefined,
    key: undefined,
    version: undefined,
    place: undefined,
    operation: undefined,
    parameters: undefined,
    fault: undefined,
  };
}

/** Runs `work` so that whatever it calls, now or later, notes on `note`. */
export function withNote<T>(note: RequestNote, work: () => T): T {
  return notes.run(note, work);
}

export function noteCaller(caller: Caller): void {
  const note = notes.getStore();
  if (note !== undefined) note.caller = caller;
}

export function noteQuestion(
  action: string,
  repository: RepositoryRecord,
  key: PackageKey | null | undefined,
): void {
  const note = notes.getStore();
  if (note === undefined) return;
  if (note.action !== undefined && (isRead(action) || !isRead(note.action))) return;
  note.action = action;
  note.repository = repository;
  if (key) note.key = key;
}

export function noteVersion(version: string): void {
  const note = notes.getStore();
  if (note !== undefined) note.version = version;
}

export function notePlace(place: NotedPlace): void {
  const note = notes.getStore();
  if (note !== undefined) note.place = place;
}

export function noteOperation(service: "codeartifact" | "sts", name: string): void {
  const note = notes.getStore();
  if (note !== undefined) note.operation = { service, name };
}

export function noteParameters(parameters: object): void {
  const note = notes.getStore();
  if (note !== undefined) note.parameters = parameters;
}

export function noteFault(error: unknown): void {
  const note = notes.getStore();
  if (note !== undefined) note.fault = error;
}

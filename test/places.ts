// Where the installations of a test file lie: folders that go when its tests are over, copies of a filled one, and new ones of each engine.
import { execFile } from "node:child_process";
import { cp, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { afterAll } from "vitest";
import { freshPostgres } from "./databases.ts";
import { fillInstallation } from "./installation.ts";

export const POSTGRES = process.env.PORTCULLIS_TEST_POSTGRES;
export const ENGINES = ["SQLite", ...(POSTGRES === undefined ? [] : ["PostgreSQL"])];
export const BIN = resolve(import.meta.dirname, "../bin/portcullis");
const run = promisify(execFile);

/** What the command prints; rejects with what it says on standard error. */
export async function portcullis(...args: string[]): Promise<string> {
  return (await run(BIN, args)).stdout;
}

const folders: string[] = [];

afterAll(async () => {
  for (const each of folders) await rm(each, { recursive: true, force: true });
});

export async function folder(): Promise<string> {
  const made = await mkdtemp(join(tmpdir(), "portcullis-place-"));
  folders.push(made);
  return made;
}

/** The SQLite file of a data folder. */
export const file = (data: string): string => join(data, "portcullis.sqlite");

/** A data folder of a new installation that is like no other, with rows in every table. */
export async function newFilled(): Promise<string> {
  const data = await folder();
  await writeFile(join(data, "upstreams.json"), "{}");
  await fillInstallation(data);
  return data;
}

let first: Promise<string> | undefined;

/** The data folder that the copies are of: filled once, and to be left as it is. */
export function filled(): Promise<string> {
  first ??= newFilled();
  return first;
}

export async function filledCopy(): Promise<string> {
  const copy = await folder();
  await cp(await filled(), copy, { recursive: true });
  return copy;
}

export interface Installation {
  /** The data folder. */
  readonly data: string;
  /** Where its rows are: a `postgres://` URL or the SQLite file. */
  readonly location: string;
  /** As `migrate` names it. */
  readonly words: readonly string[];
  /** For the other commands. */
  readonly flags: readonly string[];
  /** For servers in this process. */
  readonly settings: { readonly database?: string };
}

/** Nothing is in it yet, not even the data folder. */
export async function newPlace(engine: string): Promise<Installation> {
  const data = join(await folder(), "data");
  const flags = ["--data", data];
  if (engine === "SQLite") return { data, location: file(data), words: [data], flags, settings: {} };
  const database = await freshPostgres(POSTGRES as string);
  return {
    data,
    location: database,
    words: [database, data],
    flags: [...flags, "--database", database],
    settings: { database },
  };
}

/** A new one with all that a data folder has. */
export async function filledPlace(engine: string, from: string): Promise<Installation> {
  const place = await newPlace(engine);
  if (engine === "SQLite") await cp(from, place.data, { recursive: true });
  else await portcullis("migrate", "--from", from, "--to", ...place.words);
  return place;
}

// A backup as a folder: what its manifest says, and its rows as a source to carry from. docs/backup.md describes the layout.
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import * as v from "valibot";
import { hashFile, readLines } from "./json-lines.ts";
import type { Content, RowSource } from "./row-source.ts";
import type { Row } from "./rows.ts";
import { parseRow } from "./rows.ts";
import type { Table } from "./tables.ts";

const HEX = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/));
const NAME = v.pipe(v.string(), v.regex(/^[a-z_][a-z0-9_]*$/));
const COUNT = v.pipe(v.number(), v.integer(), v.minValue(0));

const MANIFEST = v.object({
  format: v.literal("portcullis-backup"),
  version: v.literal(1),
  /** ISO 8601, UTC: when the rows were read. */
  at: v.string(),
  engine: v.picklist(["sqlite", "postgres"]),
  installation: v.string(),
  migrations: v.array(v.string()),
  sequences: v.record(NAME, COUNT),
  tables: v.array(
    v.object({
      name: NAME,
      columns: v.array(v.object({ name: NAME, kind: v.picklist(["number", "text", "bytes"]) })),
      key: v.array(NAME),
      rows: COUNT,
      /** Of the lines, whatever they are compressed with. */
      linesSha256: HEX,
      /** Of the file rows/<name>.jsonl.gz. */
      fileSha256: HEX,
    }),
  ),
  /** blobs.jsonl.gz names them all. */
  blobs: v.object({ count: COUNT, bytes: COUNT, fileSha256: HEX }),
  /** Name → SHA-256 of what is in files/. */
  files: v.record(v.picklist(["credentials", "upstreams.json"]), HEX),
  /** Blobs that are not in the backup, because the server had lost them. */
  damaged: v.array(v.object({ sha256: HEX, problem: v.string() })),
});

export type Manifest = v.InferOutput<typeof MANIFEST>;

export const MANIFEST_FILE = "manifest.json";

export interface Archive {
  readonly folder: string;
  readonly manifest: Manifest;
}

/** The names of the finished backups in a folder, oldest first. */
export async function listBackups(directory: string): Promise<string[]> {
  const found: string[] = [];
  for (const name of (await readdir(directory)).sort()) {
    if (!/^\d{4}-\d\d-\d\dT[\d.-]+Z$/.test(name)) continue;
    if ((await readdir(join(directory, name))).includes(MANIFEST_FILE)) found.push(name);
  }
  return found;
}

/** `at`: a backup's name or how it begins; the newest that fits is taken. Rejects when there is none. */
export async function openArchive(directory: string, at = ""): Promise<Archive> {
  const names = await listBackups(directory);
  const name = names.findLast((each) => each.startsWith(at.replaceAll(":", "-")));
  if (name === undefined)
    throw new Error(
      names.length === 0
        ? `there is no finished backup in ${directory}`
        : `there is no backup '${at}' in ${directory}; there are ${names.join(", ")}`,
    );
  const folder = join(directory, name);
  const parsed = v.safeParse(MANIFEST, JSON.parse(await readFile(join(folder, MANIFEST_FILE), "utf8")));
  if (!parsed.success)
    throw new Error(`${join(folder, MANIFEST_FILE)} is no manifest that this version of Portcullis can read`);
  return { folder, manifest: parsed.output };
}

/** Rejects, naming the file, when one of the backup's own files is not as it was written. Blobs are checked as they are copied. */
export async function checkFiles({ folder, manifest }: Archive): Promise<void> {
  const expected = new Map([
    ...manifest.tables.map(({ name, fileSha256 }) => [`rows/${name}.jsonl.gz`, fileSha256] as const),
    ["blobs.jsonl.gz", manifest.blobs.fileSha256] as const,
    ...Object.entries(manifest.files).map(([name, sha256]) => [`files/${name}`, sha256] as const),
  ]);
  for (const [file, sha256] of expected)
    if ((await hashFile(join(folder, file))) !== sha256)
      throw new Error(
        `${join(folder, file)} is damaged: its SHA-256 is not what the manifest says. Nothing was restored; take another backup (--at)`,
      );
}

export function archiveRows({ folder, manifest }: Archive): RowSource {
  return {
    name: `the backup ${folder}`,
    installation: manifest.installation,
    level: manifest.migrations,
    tables: manifest.tables.map(({ name, columns, key }) => ({ name, columns, key })),
    sequences: manifest.sequences,
    rows: (table) => readRows(folder, table),
    contents: () => readContents(folder),
    close: () => Promise.resolve(),
  };
}

async function* readRows(folder: string, table: Table): AsyncIterable<Row> {
  for await (const line of readLines(join(folder, "rows", `${table.name}.jsonl.gz`)))
    yield parseRow(table, line);
}

export async function* readContents(folder: string): AsyncIterable<Content> {
  for await (const line of readLines(join(folder, "blobs.jsonl.gz"))) {
    const { sha256, size } = JSON.parse(line) as Content;
    yield { sha256, size };
  }
}

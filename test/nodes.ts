// Several whole servers in this process over one PostgreSQL and one folder of blobs, as nodes of one service are.
import { copyFile, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Flags } from "../src/config.ts";
import { freshPostgres } from "./databases.ts";
import { startServer, type TestServer } from "./server.ts";

export interface Nodes {
  readonly nodes: readonly TestServer[];
  /** Its URL, for what only the database can tell. */
  readonly database: string;
  close(): Promise<void>;
}

/** `postgres` is a server's URL without a database name. Settings are flags of every node. */
export async function startNodes(postgres: string, count: number, settings: Flags = {}): Promise<Nodes> {
  const root = await mkdtemp(join(tmpdir(), "portcullis-nodes-"));
  const database = await freshPostgres(postgres);
  const folders = await Promise.all(Array.from({ length: count }, (_, i) => nodeFolder(root, i)));
  const [first, ...others] = folders as [string, ...string[]];
  const nodes = [await startServer({ ...settings, database }, first)];
  for (const folder of others) {
    await copyFile(join(first, "credentials"), join(folder, "credentials"));
    nodes.push(await startServer({ ...settings, database }, folder));
  }
  return {
    nodes,
    database,
    async close() {
      await Promise.all(nodes.map((node) => node.close()));
      await rm(root, { recursive: true, force: true });
    },
  };
}

/** A node's own data folder; the blobs in it are everybody's. */
export async function nodeFolder(root: string, index: number): Promise<string> {
  const folder = join(root, `node-${index}`);
  await mkdir(folder);
  await mkdir(join(root, "blobs"), { recursive: true });
  await symlink(join(root, "blobs"), join(folder, "blobs"));
  await writeFile(join(folder, "upstreams.json"), "{}");
  return folder;
}

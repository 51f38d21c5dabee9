// Crates as cargo packages and publishes them, for tests: a gzip'd tar under name-version/, and the body of a publish.
import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";
import type { Header } from "tar-stream";
import { pack } from "tar-stream";

export interface CrateFacts {
  readonly name: string;
  readonly version: string;
  /** Replaces Cargo.toml, which otherwise says name, version and `toml`. */
  readonly manifest?: string;
  /** Further lines of Cargo.toml, behind [package]. */
  readonly toml?: string;
  /** By their path below the crate's folder. */
  readonly files?: Readonly<Record<string, string>>;
  /** Further members as they stand. */
  readonly members?: readonly (Partial<Header> & { readonly name: string; readonly text?: string })[];
}

/** The same facts are the same bytes, whenever it is packed. */
export async function makeCrate(facts: CrateFacts): Promise<Buffer> {
  const { name, version, toml = "", files = {}, members = [] } = facts;
  const folder = `${name}-${version}`;
  const manifest = facts.manifest ?? `[package]\nname = "${name}"\nversion = "${version}"\n${toml}`;
  const tar = pack();
  const mtime = new Date(0);
  for (const [path, text] of Object.entries({ "Cargo.toml": manifest, "src/lib.rs": "", ...files }))
    tar.entry({ name: `${folder}/${path}`, mtime }, text);
  for (const { text, ...header } of members) tar.entry({ mtime, ...header }, text ?? "");
  tar.finalize();
  const parts: Buffer[] = [];
  for await (const part of tar) parts.push(part as Buffer);
  return gzipSync(Buffer.concat(parts));
}

/** The body of `PUT /api/v1/crates/new`: length, JSON, length, crate. */
export function frame(sent: unknown, crate: Buffer): Buffer {
  const json = Buffer.from(typeof sent === "string" ? sent : JSON.stringify(sent));
  return Buffer.concat([length(json.length), json, length(crate.length), crate]);
}

function length(bytes: number): Buffer {
  const word = Buffer.alloc(4);
  word.writeUInt32LE(bytes);
  return word;
}

/** A line of a public index, with the checksum of these bytes. */
export function indexLine(name: string, version: string, crate: Buffer, more: object = {}): string {
  const cksum = createHash("sha256").update(crate).digest("hex");
  return JSON.stringify({ name, vers: version, deps: [], cksum, features: {}, yanked: false, ...more });
}

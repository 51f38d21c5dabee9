// Python distributions made by hand: wheels and sdists as build backends make them, and the form that uploaders send.
import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";
import { strToU8, type Zippable, zipSync } from "fflate";
import { pack } from "tar-stream";

export interface Distribution {
  readonly name: string;
  readonly version: string;
  /** Further lines of the metadata, such as `Requires-Dist: idna`. */
  readonly headers?: readonly string[];
  readonly description?: string;
  /** Makes the bytes of two builds of one version differ. */
  readonly content?: string;
}

export interface PythonFile {
  readonly filename: string;
  readonly bytes: Buffer;
  readonly metadata: string;
}

export function metadataOf({ name, version, headers = [], description }: Distribution): string {
  const lines = ["Metadata-Version: 2.1", `Name: ${name}`, `Version: ${version}`, ...headers];
  return `${lines.join("\n")}\n${description === undefined ? "" : `\n${description}\n`}`;
}

/** `name` as PEP 427 escapes it. */
export function escapeName(name: string): string {
  return name.toLowerCase().replace(/[-_.]+/g, "_");
}

/** A pure wheel. `extra` replaces or adds members by path; `null` leaves one out. */
export function makeWheel(
  distribution: Distribution,
  extra: Readonly<Record<string, string | null>> = {},
  tag = "py3-none-any",
): PythonFile {
  const { name, version, content = "" } = distribution;
  const module = escapeName(name);
  const folder = `${module}-${version}.dist-info`;
  const metadata = metadataOf(distribution);
  const members: Record<string, string | null> = {
    [`${module}/__init__.py`]: `content = ${JSON.stringify(content)}\n`,
    [`${folder}/METADATA`]: metadata,
    [`${folder}/WHEEL`]: `Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: ${tag}\n`,
    [`${folder}/RECORD`]: "",
    ...extra,
  };
  return { filename: `${module}-${version}-${tag}.whl`, bytes: zip(members), metadata };
}

/** The same content is the same bytes, whenever it is packed. */
export function zip(members: Readonly<Record<string, string | null>>): Buffer {
  const entries: Zippable = {};
  for (const [path, text] of Object.entries(members))
    if (text !== null) entries[path] = [strToU8(text), { mtime: new Date("2020-01-01T00:00:00Z") }];
  return Buffer.from(zipSync(entries));
}

export async function makeSdist(
  distribution: Distribution,
  extra: Readonly<Record<string, string | null>> = {},
): Promise<PythonFile> {
  const { name, version, content = "" } = distribution;
  const stem = `${escapeName(name)}-${version}`;
  const metadata = metadataOf(distribution);
  const members = {
    [`${stem}/PKG-INFO`]: metadata,
    [`${stem}/setup.py`]: `# ${content}\nfrom setuptools import setup\nsetup(name=${JSON.stringify(name)}, version=${JSON.stringify(version)}, packages=[])\n`,
    ...extra,
  };
  const tar = pack();
  for (const [path, text] of Object.entries(members))
    if (text !== null) tar.entry({ name: path, mtime: new Date(0) }, text);
  tar.finalize();
  const parts: Buffer[] = [];
  for await (const part of tar) parts.push(part as Buffer);
  return { filename: `${stem}.tar.gz`, bytes: gzipSync(Buffer.concat(parts)), metadata };
}

/** What twine sends. `changes` replaces fields; `null` leaves one out. */
export function uploadForm(
  { filename, bytes }: Pick<PythonFile, "filename" | "bytes">,
  { name, version }: Pick<Distribution, "name" | "version">,
  changes: Readonly<Record<string, string | null>> = {},
): FormData {
  const fields: Record<string, string | null> = {
    ":action": "file_upload",
    protocol_version: "1",
    metadata_version: "2.1",
    name,
    version,
    filetype: filename.endsWith(".whl") ? "bdist_wheel" : "sdist",
    pyversion: filename.endsWith(".whl") ? "py3" : "source",
    md5_digest: createHash("md5").update(bytes).digest("hex"),
    sha256_digest: createHash("sha256").update(bytes).digest("hex"),
    ...changes,
  };
  const form = new FormData();
  for (const [field, value] of Object.entries(fields)) if (value !== null) form.set(field, value);
  form.set("content", new Blob([new Uint8Array(bytes)], { type: "application/octet-stream" }), filename);
  return form;
}

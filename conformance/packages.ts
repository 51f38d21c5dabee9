// Packages that the suites publish, as folders for clients and as the bodies that clients send.
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { buffer } from "node:stream/consumers";
import { gzipSync } from "node:zlib";
import { pack } from "tar-stream";

export interface PackageSpec {
  readonly name: string;
  readonly version: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  /** What the module says; part of the tarball's bytes. */
  readonly says?: string;
  /** More of package.json. */
  readonly more?: Readonly<Record<string, unknown>>;
  /** Bytes beside the module, in bodies only. */
  readonly payload?: Buffer;
}

export function writeFiles(folder: string, files: Readonly<Record<string, string>>): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
}

/** Writes a package whose module gives `says`, followed by what its dependencies say. Gives the folder back. */
export function writePackage(folder: string, spec: PackageSpec): string {
  writeFiles(folder, files(spec));
  return folder;
}

function files(spec: PackageSpec): Record<string, string> {
  return {
    "package.json": JSON.stringify(manifest(spec), null, 2),
    "index.js": module(spec),
    "README.md": `# ${spec.name}\nA package of the conformance suite.\n`,
  };
}

function manifest({ name, version, dependencies, more }: PackageSpec) {
  const base = { name, version, description: `conformance ${name}`, license: "MIT", main: "index.js" };
  return { ...base, keywords: ["conformance"], ...(dependencies && { dependencies }), ...more };
}

function module({ name, version, says, dependencies = {} }: PackageSpec): string {
  const parts = Object.keys(dependencies).map((dependency) => `require(${JSON.stringify(dependency)})`);
  return `module.exports = [${[JSON.stringify(says ?? `${name} ${version}`), ...parts].join(", ")}].join(" < ");\n`;
}

/** A script that prints what the package says. */
export function speaker(name: string): string {
  return `import text from ${JSON.stringify(name)};\nconsole.log("said:", text);\n`;
}

export function versionIn(folder: string): string {
  const { version }: { version: string } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  return version;
}

export interface PublishBody {
  readonly body: Buffer;
  readonly tarball: Buffer;
  readonly integrity: string;
  readonly shasum: string;
}

/** The body of the one PUT that npm's clients publish with (spec 8.1.4). */
export async function publishBody(spec: PackageSpec, registry: string, tag = "latest"): Promise<PublishBody> {
  const tarball = await tarballOf({ ...files(spec), ...(spec.payload && { "payload.bin": spec.payload }) });
  const integrity = `sha512-${createHash("sha512").update(tarball).digest("base64")}`;
  const shasum = createHash("sha1").update(tarball).digest("hex");
  const file = `${spec.name}-${spec.version}.tgz`;
  const url = new URL(`${spec.name}/-/${file}`, registry).href;
  const version = {
    ...manifest(spec),
    _id: `${spec.name}@${spec.version}`,
    dist: { integrity, shasum, tarball: url },
  };
  const attachment = {
    content_type: "application/octet-stream",
    data: tarball.toString("base64"),
    length: tarball.length,
  };
  // Entries, not literals: `__proto__` must be a key like any other.
  const text = JSON.stringify({
    _id: spec.name,
    name: spec.name,
    "dist-tags": Object.fromEntries([[tag, spec.version]]),
    versions: Object.fromEntries([[spec.version, version]]),
    _attachments: Object.fromEntries([[file, attachment]]),
  });
  return { body: Buffer.from(text), tarball, integrity, shasum };
}

async function tarballOf(content: Readonly<Record<string, string | Buffer>>): Promise<Buffer> {
  const archive = pack();
  for (const [path, text] of Object.entries(content))
    archive.entry({ name: `package/${path}`, mtime: new Date(0) }, text);
  archive.finalize();
  return gzipSync(await buffer(archive), { level: 1 });
}

// The packages that the bench publishes: real tarballs, and the documents that `npm publish` sends for them.
import { createCipheriv, createHash } from "node:crypto";
import { buffer } from "node:stream/consumers";
import { gzipSync } from "node:zlib";
import { pack } from "tar-stream";

/** What a package version looks like: its payload, and how large its manifest is. */
export interface Recipe {
  name: string;
  version: string;
  /** Bytes of incompressible payload in the tarball, so about the tarball's size. */
  payloadBytes: number;
  manifest: "small" | "large";
}

export const small = { name: "bench-small", versions: versions(3) };
export const huge = { name: "bench-huge", versions: versions(500) };
export const tarballSizes = { "10 kB": 10_000, "1 MB": 1_000_000, "50 MB": 50_000_000 };
export type TarballSize = keyof typeof tarballSizes;
export const tarballSizeNames: TarballSize[] = ["10 kB", "1 MB", "50 MB"];

/** The package that holds the one tarball of a size. */
export function tarballPackage(size: TarballSize): string {
  return `bench-tarball-${size.replace(" ", "").toLowerCase()}`;
}

/** 1.0.0, 1.0.1 … */
export function versions(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `1.0.${index}`);
}

/** The body of `PUT /{name}` as npm sends it, with the tarball attached in base64. */
export async function publishBody(recipe: Recipe, registry: string): Promise<Buffer> {
  const manifest = { ...manifestOf(recipe) };
  const tarball = await tarballOf(recipe, manifest);
  const file = `${recipe.name}-${recipe.version}.tgz`;
  const dist = {
    integrity: `sha512-${createHash("sha512").update(tarball).digest("base64")}`,
    shasum: createHash("sha1").update(tarball).digest("hex"),
    tarball: new URL(`${recipe.name}/-/${file}`, registry).href,
  };
  const attachment = {
    content_type: "application/octet-stream",
    data: tarball.toString("base64"),
    length: tarball.length,
  };
  const document = {
    _id: recipe.name,
    name: recipe.name,
    description: manifest.description,
    "dist-tags": { latest: recipe.version },
    versions: { [recipe.version]: { ...manifest, _id: `${recipe.name}@${recipe.version}`, dist } },
    access: null,
    _attachments: { [file]: attachment },
  };
  return Buffer.from(JSON.stringify(document));
}

async function tarballOf(recipe: Recipe, manifest: object): Promise<Buffer> {
  const tar = pack();
  const payload = noise(`${recipe.name}@${recipe.version}`, recipe.payloadBytes);
  tar.entry({ name: "package/package.json" }, JSON.stringify(manifest, null, 2));
  tar.entry({ name: "package/payload.bin" }, payload);
  tar.finalize();
  return gzipSync(await buffer(tar), { level: recipe.payloadBytes > 100_000 ? 0 : 6 });
}

/** Bytes that do not compress, the same ones for the same seed in every run and process. */
function noise(seed: string, bytes: number): Buffer {
  const key = createHash("sha256").update(seed).digest().subarray(0, 16);
  return createCipheriv("aes-128-ctr", key, Buffer.alloc(16)).update(Buffer.alloc(bytes));
}

function manifestOf({ name, version, manifest }: Recipe) {
  const hex = noise(`${name}@${version} manifest`, 512).toString("hex");
  const basic = {
    name,
    version,
    description: "A package made up for a measurement; it holds nothing of use",
    main: "lib/index.js",
    license: "Apache-2.0",
    author: "Bench <bench@registry.example>",
    repository: { type: "git", url: "git+ssh://git@registry.example/bench.git" },
    homepage: "https://registry.example/bench#readme",
    bugs: { url: "https://registry.example/bench/issues", email: "bugs@registry.example" },
    keywords: ["bench", "measurement", "registry", "package", "small", "throughput", "latency"],
    engines: { node: ">=18" },
    scripts: { test: "node --test", build: "node build.js" },
  };
  const many = manifest === "large";
  return {
    ...basic,
    dependencies: ranges("dependency", many ? 74 : 3, hex),
    devDependencies: ranges("tool", many ? 4 : 3, hex),
    ...(many ? { exports: exportsMap(hex), gitHead: hex.slice(0, 40) } : {}),
  };
}

function ranges(prefix: string, count: number, hex: string): Record<string, string> {
  const number = (index: number) => Number.parseInt(hex.slice(index * 3, index * 3 + 3), 16) % 50;
  const range = (index: number) => `^${number(index)}.${number(index + 80)}.0`;
  return Object.fromEntries(
    Array.from({ length: count }, (_, index) => [`@bench/${prefix}-number-${index}`, range(index)]),
  );
}

/** About 8 kB that only the full document carries; a little of it differs from version to version. */
function exportsMap(hex: string): Record<string, object> {
  return Object.fromEntries(
    Array.from({ length: 48 }, (_, index) => {
      const part = `lib/part-${index}/${hex.slice(index * 16, index * 16 + 16)}`;
      return [
        `./part-${index}`,
        { types: `./${part}.d.ts`, import: `./${part}.mjs`, require: `./${part}.cjs` },
      ];
    }),
  );
}

// Python packages, held to what every format must do.
import { createHash } from "node:crypto";
import { makeSdist, makeWheel, type PythonFile, uploadForm } from "../../../test/python.ts";
import type { PackageKey } from "../../core/coordinates.ts";
import type { BuiltVersion, PublicFile } from "../format.suite.ts";
import { formatSuite } from "../format.suite.ts";
import { pypi } from "./index.ts";
import { cleanVersion, normalizeName, parseName } from "./names.ts";
import { HTML_TYPE, JSON_TYPE } from "./negotiation.ts";
import { readPublicIndex } from "./public-index.ts";

const DIGESTS: Readonly<Record<string, number>> = {
  md5_digest: 32,
  sha256_digest: 64,
  blake2_256_digest: 64,
};

const page = ({ name }: PackageKey) => `simple/${name}/`;
const fileOf = ({ name }: PackageKey, version: string, file: string) =>
  `${page({ name } as PackageKey)}${encodeURIComponent(version)}/${file}`;
const versionsIn = (body: string, { name }: PackageKey) => [
  ...new Set(
    readPublicIndex(body, normalizeName(name), "http://registry.example/").files.map(
      ({ version }) => version,
    ),
  ),
];
const wheelIn = (files: readonly PythonFile[]) =>
  (files.find(({ filename }) => filename.endsWith(".whl")) as PythonFile).filename;

formatSuite<readonly PythonFile[]>({
  format: pypi,
  key: (word) => parseName(word) as PackageKey,
  spellings: (key) =>
    [key.name.toUpperCase(), key.name.replaceAll("-", "_"), key.name.replaceAll("-", "._")]
      .filter((name) => name !== key.name)
      .map((name) => ({ ...key, name })),
  versions: ["0.9", "1.0a1", "1.0", "1.2", "1.10", "2!1.0"],
  async build({ name }, version, content) {
    const of = {
      name: normalizeName(name),
      version,
      content,
      headers: ["Requires-Dist: base>=1"],
      description: "# Read me",
    };
    const files = [makeWheel(of), await makeSdist(of)];
    return {
      assets: new Map(files.map(({ filename, bytes }) => [filename, bytes])),
      upload: files,
      dependencies: [{ name: "base", type: "Requires-Dist", requirement: ">=1" }],
      readme: "# Read me\n",
    };
  },
  async publish(client, { key, version, built }, { wrong } = {}) {
    const changes = wrong === undefined ? {} : { [wrong]: "0".repeat(DIGESTS[wrong] ?? 0) };
    let last: Response | undefined;
    for (const file of built.upload) {
      last = await client.send("", {
        method: "POST",
        body: uploadForm(file, { name: key.name, version }, changes),
      });
      if (!last.ok) return last;
    }
    return last as Response;
  },
  digests: Object.keys(DIGESTS),
  listings: (key) =>
    [JSON_TYPE, HTML_TYPE, "text/html"].map((accept) => ({
      what: accept,
      path: page(key),
      headers: { accept },
      read: (body) => versionsIn(body, key),
    })),
  files: ({ key, version, built }) =>
    built.upload.map(({ filename }) => ({ asset: filename, path: fileOf(key, version, filename) })),
  documents: ({ key, version, built }) => [
    { path: `${fileOf(key, version, wheelIn(built.upload))}.metadata`, when: "listed" },
    { path: `pypi/${key.name}/${encodeURIComponent(cleanVersion(version))}/json`, when: "listed" },
  ],
  publicFiles: (base, versions) => publicSide(base, versions),
});

/** A static index in HTML: its pages and its files. */
function publicSide(
  base: string,
  versions: readonly BuiltVersion<readonly PythonFile[]>[],
): ReadonlyMap<string, PublicFile> {
  const answers = new Map<string, PublicFile>();
  for (const [name, group] of Map.groupBy(versions, ({ key }) => key.name)) {
    const links = group
      .flatMap(({ built }) => built.upload)
      .map(({ filename, bytes }) => {
        answers.set(`/files/${filename}`, { type: "application/octet-stream", body: bytes });
        const sha256 = createHash("sha256").update(bytes).digest("hex");
        return `<a href="${base}files/${encodeURIComponent(filename)}#sha256=${sha256}">${filename}</a>`;
      });
    answers.set(`/${name}/`, { type: "text/html", body: links.join("\n") });
  }
  return answers;
}

// A ninth format in one file, under a borrowed name: the contract in format.ts is enough for it to pass every test.
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { gunzipSync } from "node:zlib";
import type { PackageKey } from "../../core/coordinates.ts";
import { invalid } from "../../core/faults.ts";
import { Router } from "../../http/route.ts";
import type { PackageView, Registry } from "../../registry/registry.ts";
import { absence, sendText } from "../answers.ts";
import { createFiles } from "../files.ts";
import { formatSuite, type PublicFile } from "../format.suite.ts";
import type { DoorRequest, Format, FormatDeps, FormatDoor, IndexFile } from "../format.ts";

/** `PUT` and `GET {name}/{version}` are a version's one file, `GET {name}` lists versions and digests, a line each. */
const toy: Format = {
  name: "cargo", // the API knows eight names only
  namespaces: "none",
  connections: ["public:crates-io"],
  external: {
    indexRequest: ({ name }) => ({ path: name, accept: "text/plain" }),
    async versions(file) {
      return new Map((await readLines(file)).map(([version]) => [version, {}]));
    },
    async version(file, { name }, wanted) {
      const line = (await readLines(file)).find(([version]) => version === wanted);
      if (line === undefined) return undefined;
      const [version, sha256] = line;
      const url = new URL(`${name}/${version}`, file.url).href;
      return {
        version,
        assets: [{ name: ASSET, url, digests: { sha256 } }],
        metadata: {},
        document: sha256,
        brief: "",
      };
    },
  },
  open,
};

const ASSET = "toy";
type Line = readonly [version: string, sha256: string];

async function readLines({ file, gzip }: IndexFile): Promise<Line[]> {
  const bytes = await readFile(file);
  return linesOf((gzip ? gunzipSync(bytes) : bytes).toString());
}

function linesOf(text: string): Line[] {
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => line.split(" ") as unknown as Line);
}

function open({ registry }: FormatDeps): FormatDoor {
  const files = createFiles(registry);
  const keyOf = (name = ""): PackageKey => ({ format: toy.name, namespace: "", name });
  type Handler = (request: DoorRequest, params: Readonly<Record<string, string>>) => Promise<void> | void;
  const router = new Router<Handler>([
    {
      method: "GET",
      pattern: "/:name",
      handler: (request, { name }) => list(registry, request, keyOf(name)),
    },
    {
      method: "GET",
      pattern: "/:name/:version",
      handler: (request, { name, version = "" }) =>
        files.serve(request, keyOf(name), version, () => ({ key: keyOf(name), version, asset: ASSET })),
    },
    {
      method: "PUT",
      pattern: "/:name/:version",
      handler: (request, { name, version = "" }) => publish(registry, request, keyOf(name), version),
    },
  ]);
  return {
    handle: (request) => {
      const match = router.match(request.method, request.segments);
      if (match === undefined) throw invalid("There are only names and versions here.");
      return match.handler(request, match.params);
    },
    renderFault: ({ message }) => ({ contentType: "text/plain", body: `${message}\n` }),
  };
}

async function list(registry: Registry, request: DoorRequest, key: PackageKey): Promise<void> {
  registry.authorize(request.caller, "ReadFromRepository", request.repository, key);
  const view = await registry.view(request.repository, key);
  const lines = await visibleLines(registry, view);
  if (lines.length === 0) throw absence(view, key.name);
  sendText(request, 200, "text/plain", lines.map((line) => `${line.join(" ")}\n`).join(""));
}

/** What is held here and upstream first, then what is public and nobody before it speaks for. */
async function visibleLines(registry: Registry, view: PackageView): Promise<Line[]> {
  const lines = (await registry.listedVersions(view)).map(
    ({ version, document }): Line => [version, document],
  );
  const taken = new Set([...lines.map(([version]) => version), ...(await registry.withheldVersions(view))]);
  for (const { connection, index } of view.external)
    for (const line of await readLines({ connection, ...index })) {
      if (!taken.has(line[0])) lines.push(line);
      taken.add(line[0]);
    }
  return lines;
}

async function publish(
  registry: Registry,
  request: DoorRequest,
  key: PackageKey,
  version: string,
): Promise<void> {
  await registry.admitPublish(request.repository, key, request);
  const writer = await registry.stageBlob();
  try {
    for await (const chunk of request.req.iterator({ destroyOnReturn: false }))
      await writer.write(chunk as Buffer);
    const staged = await writer.finish();
    const { sha256 } = staged.digests;
    if ((request.req.headers["x-sha256"] ?? sha256) !== sha256) throw invalid(`The digest is ${sha256}.`);
    const texts = { metadata: {}, document: sha256, brief: "", tags: [] };
    await registry.publish(
      request.repository,
      { key, version, assets: [{ name: ASSET, writer, staged }], ...texts },
      request,
    );
  } catch (error) {
    await writer.discard();
    throw error;
  }
  sendText(request, 201, "text/plain", "taken\n");
}

formatSuite({
  format: toy,
  guest: true,
  key: (word) => ({ format: toy.name, namespace: "", name: word }),
  versions: ["1", "2", "3", "4", "5", "6"],
  build: ({ name }, version, content) => ({
    assets: new Map([[ASSET, Buffer.from(`${name} ${version} ${content}`)]]),
    upload: undefined,
  }),
  publish: (client, { key, version, built }, { wrong } = {}) =>
    client.send(`${key.name}/${version}`, {
      method: "PUT",
      body: new Uint8Array(built.assets.get(ASSET) ?? []),
      headers: wrong === undefined ? {} : { [wrong]: "0".repeat(64) },
    }),
  digests: ["x-sha256"],
  listings: ({ name }) => [
    { what: "the list", path: name, read: (body) => linesOf(body).map(([version]) => version) },
  ],
  files: ({ key, version }) => [{ asset: ASSET, path: `${key.name}/${version}` }],
  publicFiles(_base, versions) {
    const files = new Map<string, PublicFile>();
    for (const [name, of] of Map.groupBy(versions, ({ key }) => key.name)) {
      let lines = "";
      for (const { version, built } of of) {
        const body = built.assets.get(ASSET) ?? Buffer.alloc(0);
        lines += `${version} ${createHash("sha256").update(body).digest("hex")}\n`;
        files.set(`/${name}/${version}`, { type: "application/x-toy", body });
      }
      files.set(`/${name}`, { type: "text/plain", body: lines });
    }
    return files;
  },
});

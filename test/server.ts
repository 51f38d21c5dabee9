// A whole server in this process, on a free port and a fresh folder, with the official API client and npm's own wire calls.
import { createHash } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { Codeartifact } from "@aws-sdk/client-codeartifact";
import { pack } from "tar-stream";
import type { App } from "../src/app.ts";
import { startApp } from "../src/app.ts";
import type { Flags } from "../src/config.ts";
import { loadConfig } from "../src/config.ts";
import type { Format } from "../src/formats/format.ts";
import { freshPostgres } from "./databases.ts";

export const ACCOUNT = "000000000000";
export const DOMAIN = "acme";

export interface TestServer {
  readonly app: App;
  readonly url: string;
  readonly data: string;
  /** The file or the address of its database, for what only the command line can do. */
  readonly database: string;
  readonly client: Codeartifact;
  /** A token for the test domain, which it creates when needed. */
  token(domain?: string): Promise<string>;
  /** Creates a repository of the test domain, drawing from these upstreams or this connection. */
  repository(name: string, from?: readonly string[]): Promise<void>;
  /** npm's address of a repository, ending in `/`. */
  npmUrl(repository: string): string;
  npm(repository: string, path: string, init?: RequestInit): Promise<Response>;
  publish(repository: string, manifest: Manifest, options?: PublishOptions): Promise<Response>;
  /** Versions a client would see; empty for a 404. */
  versions(repository: string, name: string): Promise<string[]>;
  tarball(repository: string, name: string, version: string): Promise<Response>;
  close(): Promise<void>;
}

export interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly [field: string]: unknown;
}

export interface PublishOptions {
  readonly tag?: string;
  /** Extra bytes in the tarball, so that two publishes of one version differ. */
  readonly content?: string;
  /** Replaces what package.json inside the tarball says. */
  readonly inside?: object;
}

/**
 * PORTCULLIS_TEST_ENGINE=postgres puts every server with a folder of its own on PostgreSQL.
 * Starts on `data` when given (and leaves it at close), else on a folder of its own. Settings are flags. Nothing is
 * looked for on this machine: a test says where its public registries are. `formats` replaces the built-in ones.
 */
export async function startServer(
  settings: Flags = {},
  data?: string,
  formats?: readonly Format[],
): Promise<TestServer> {
  const folder = data ?? (await mkdtemp(join(tmpdir(), "portcullis-test-")));
  if (data === undefined) await writeFile(join(folder, "upstreams.json"), "{}");
  const postgres = process.env.PORTCULLIS_TEST_POSTGRES;
  const database =
    process.env.PORTCULLIS_TEST_ENGINE === "postgres" && data === undefined && postgres !== undefined
      ? { database: await freshPostgres(postgres) }
      : {};
  const flags = {
    listen: "127.0.0.1:0",
    "log-level": process.env.TEST_LOG_LEVEL ?? "error",
    ...database,
    ...settings,
    data: folder,
  };
  const config = loadConfig(flags, {}, folder);
  const app = await startApp(config, formats);
  const url = `http://${app.address.host}:${app.address.port}`;
  const credentials = await readFile(join(folder, "credentials"), "utf8").catch(() => "");
  const secret = (name: string): string => new RegExp(`${name} = (\\S+)`).exec(credentials)?.[1] ?? "";
  const client = new Codeartifact({
    endpoint: url,
    region: "us-east-1",
    credentials: {
      accessKeyId: secret("aws_access_key_id"),
      secretAccessKey: secret("aws_secret_access_key"),
    },
    maxAttempts: 1,
  });
  const tokens = new Map<string, Promise<string>>();

  const server: TestServer = {
    app,
    url,
    data: folder,
    database: config.database ?? join(folder, "portcullis.sqlite"),
    client,
    token(domain = DOMAIN) {
      const known =
        tokens.get(domain) ??
        client
          .createDomain({ domain })
          .catch(() => undefined)
          .then(async () => (await client.getAuthorizationToken({ domain })).authorizationToken as string);
      tokens.set(domain, known);
      return known;
    },
    async repository(name, from = []) {
      await server.token();
      const connection = from.find((source) => source.includes(":"));
      await client.createRepository({
        domain: DOMAIN,
        repository: name,
        upstreams: from
          .filter((source) => !source.includes(":"))
          .map((repositoryName) => ({ repositoryName })),
      });
      if (connection !== undefined)
        await client.associateExternalConnection({
          domain: DOMAIN,
          repository: name,
          externalConnection: connection,
        });
    },
    npmUrl: (repository) => `${url}/npm/d/${DOMAIN}-${ACCOUNT}/${repository}/`,
    async npm(repository, path, init = {}) {
      const headers = new Headers(init.headers);
      if (!headers.has("authorization")) headers.set("authorization", `Bearer ${await server.token()}`);
      return fetch(`${server.npmUrl(repository)}${path}`, { ...init, headers });
    },
    async publish(repository, manifest, options) {
      const body = JSON.stringify(await publishBody(server.npmUrl(repository), manifest, options));
      return server.npm(repository, encodeName(manifest.name), {
        method: "PUT",
        headers: { "content-type": "application/json" },
        body,
      });
    },
    async versions(repository, name) {
      const answer = await server.npm(repository, encodeName(name));
      if (answer.status === 404) return [];
      const document = (await answer.json()) as { versions?: Record<string, unknown>; error?: string };
      if (!answer.ok) throw new Error(`${answer.status} ${document.error}`);
      return Object.keys(document.versions ?? {});
    },
    tarball: (repository, name, version) =>
      server.npm(repository, `${encodeName(name)}/-/${name.replace(/^@[^/]+\//, "")}-${version}.tgz`),
    async close() {
      client.destroy();
      await app.close(1_000);
      if (data === undefined) await rm(folder, { recursive: true, force: true });
    },
  };
  return server;
}

export function encodeName(name: string): string {
  return name.replace("/", "%2f");
}

/** What `npm publish` sends. */
export async function publishBody(
  base: string,
  manifest: Manifest,
  { tag = "latest", content = "", inside = manifest }: PublishOptions = {},
): Promise<object> {
  const tarball = await makeTarball(inside, content);
  const { name, version } = manifest;
  const file = `${name.replace(/^@[^/]+\//, "")}-${version}.tgz`;
  const dist = {
    integrity: `sha512-${createHash("sha512").update(tarball).digest("base64")}`,
    shasum: createHash("sha1").update(tarball).digest("hex"),
    tarball: `${base}${name}/-/${file}`,
  };
  return {
    _id: name,
    name,
    "dist-tags": { [tag]: version },
    versions: { [version]: { ...manifest, _id: `${name}@${version}`, dist } },
    access: null,
    _attachments: {
      [`${name}-${version}.tgz`]: {
        content_type: "application/octet-stream",
        data: tarball.toString("base64"),
        length: tarball.length,
      },
    },
  };
}

/** A package as `npm pack` makes one: a gzip'd tar with everything under package/. */
export async function makeTarball(manifest: object, content = ""): Promise<Buffer> {
  const tar = pack();
  const mtime = new Date(0); // the same content is the same bytes, whenever it is packed
  tar.entry({ name: "package/package.json", mtime }, JSON.stringify(manifest));
  tar.entry({ name: "package/index.js", mtime }, `module.exports = ${JSON.stringify(content)};\n`);
  tar.finalize();
  const parts: Buffer[] = [];
  for await (const part of tar) parts.push(part as Buffer);
  return gzipSync(Buffer.concat(parts));
}

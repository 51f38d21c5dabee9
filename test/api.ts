// The API door over a real registry and a fresh database, for tests that speak through the official client.
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Codeartifact } from "@aws-sdk/client-codeartifact";
import { createAwsDoor } from "../src/aws/dispatch.ts";
import { operations } from "../src/aws/operations/index.ts";
import { createMemoryStore } from "../src/blobs/memory.ts";
import type { PolicyDocument } from "../src/core/caller.ts";
import type { PackageFormat, PackageKey } from "../src/core/coordinates.ts";
import type { Format } from "../src/formats/format.ts";
import { generic } from "../src/formats/generic/index.ts";
import { npm } from "../src/formats/npm/index.ts";
import { callerOf } from "../src/identity/identify.ts";
import { createSigV4Verifier } from "../src/identity/sigv4.ts";
import { createCatalog } from "../src/registry/catalog.ts";
import { createRegistry } from "../src/registry/create.ts";
import type { RegistryDeps } from "../src/registry/deps.ts";
import { Generations } from "../src/registry/generations.ts";
import type { Registry } from "../src/registry/registry.ts";
import type { Database } from "../src/store/database.ts";
import { createDomainBytes } from "../src/store/domain-bytes.ts";
import { findAccessKey, insertAccessKey, insertPrincipal } from "../src/store/identities.ts";
import type { Upstream } from "../src/upstream/upstream.ts";

export const ACCOUNT = "000000000000";
/** Small, so that tests can pass it. */
export const ASSET_BYTES_MAX = 1024 * 1024;
const ADMINISTRATOR: PolicyDocument = { Statement: [{ Effect: "Allow", Action: "*", Resource: "*" }] };

export interface TestApi {
  readonly endpoint: string;
  readonly database: Database;
  readonly registry: Registry;
  readonly deps: RegistryDeps;
  /** The administrator's. */
  readonly client: Codeartifact;
  /** A client for a new identity with these policies. */
  clientFor(name: string, policies: readonly PolicyDocument[], account?: string): Promise<Codeartifact>;
  /** Publishes a version with one asset, as the administrator, straight through the registry. */
  publish(
    repository: string,
    key: PackageKey,
    version: string,
    bytes: string,
    tags?: readonly string[],
    document?: string,
  ): Promise<void>;
  /** Unexpected errors that the door logged. */
  readonly errors: readonly object[];
  close(): Promise<void>;
}

/** Nothing outside exists in these tests: asking is a mistake. */
const nowhere: Upstream = new Proxy({} as Upstream, {
  get: (_target, name) => () => Promise.reject(new Error(`upstream.${String(name)} was called`)),
});

/** Starts it on a free port; `database` is closed with it. `now` must be near the real time: clients sign with theirs. */
export async function openApi(database: Database, now: () => number = Date.now): Promise<TestApi> {
  const errors: object[] = [];
  const log = {
    debug: () => {},
    info: () => {},
    warn: () => {},
    error: (fields: object) => void errors.push(fields),
  };
  const generations = new Generations();
  let revisions = 0;
  const deps: RegistryDeps = {
    database,
    blobs: createMemoryStore(),
    upstream: nowhere,
    connection: () => Promise.resolve(undefined),
    formats: new Map<PackageFormat, Format>([generic, npm].map((format) => [format.name, format])),
    catalog: createCatalog(database, generations),
    generations,
    region: "us-east-1",
    now,
    newRevision: () => Buffer.alloc(32, ++revisions).toString("base64"),
    log,
    limits: {
      upstreamPatienceMs: 10,
      smallAssetBytesMax: 1024,
      smallAssetCacheBytes: 1024 * 1024,
      redirectBytesMin: undefined,
    },
  };
  const registry = createRegistry(deps);
  const verify = createSigV4Verifier({
    now: Date.now,
    services: ["codeartifact"],
    lookupSecret: async (id) => {
      const found = await findAccessKey(database.read, id);
      return found && { secretAccessKey: found.secret, principal: found.principal };
    },
  });
  const door = createAwsDoor({
    operations,
    deps: {
      ...deps,
      registry,
      publicUrl: undefined,
      pagingKey: Buffer.from("paging"),
      assetBytesMax: ASSET_BYTES_MAX,
      domainBytes: createDomainBytes(database, Date.now),
    },
    authenticate: async (request) => {
      const { key, accessKeyId } = await verify(request);
      return callerOf(key.principal, accessKeyId);
    },
    log,
    checkOutputs: true,
  });
  const server = createServer((req, res) => void door(req, res, "test-request")).listen(0, "127.0.0.1");
  await once(server, "listening");
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const clients: Codeartifact[] = [];

  async function clientFor(
    name: string,
    policies: readonly PolicyDocument[],
    account = ACCOUNT,
  ): Promise<Codeartifact> {
    const key = { id: `AKIA${name.toUpperCase()}`, secret: `secret-of-${name}` };
    await database.write(async (tx) => {
      const principalId = await insertPrincipal(
        tx,
        { account, name, arn: `arn:aws:iam::${account}:user/${name}`, policies },
        now(),
      );
      await insertAccessKey(tx, { ...key, principalId }, now());
    });
    const credentials = { accessKeyId: key.id, secretAccessKey: key.secret };
    const client = new Codeartifact({ endpoint, region: "us-east-1", credentials, maxAttempts: 1 });
    clients.push(client);
    return client;
  }

  async function publish(
    repositoryName: string,
    key: PackageKey,
    version: string,
    bytes: string,
    tags: readonly string[] = [],
    document = "{}",
  ): Promise<void> {
    const caller = {
      account: ACCOUNT,
      arn: `arn:aws:iam::${ACCOUNT}:user/publisher`,
      name: "publisher",
      credential: "test",
      policies: [ADMINISTRATOR],
    };
    const repository = await registry.repository("d1", ACCOUNT, repositoryName, caller);
    const writer = await registry.stageBlob();
    await writer.write(Buffer.from(bytes));
    const asset = { name: `${key.name}-${version}.tgz`, writer, staged: await writer.finish() };
    const metadata = {
      displayName: key.namespace === "" ? key.name : `@${key.namespace}/${key.name}`,
      summary: "what it is",
    };
    await registry.publish(
      repository,
      { key, version, assets: [asset], metadata, document, brief: "{}", tags },
      { caller, requestId: "test" },
    );
  }

  return {
    endpoint,
    database,
    registry,
    deps,
    client: await clientFor("administrator", [ADMINISTRATOR]),
    clientFor,
    publish,
    errors,
    async close() {
      for (const client of clients) client.destroy();
      server.close().closeAllConnections();
      await deps.blobs.close();
      await database.close();
    },
  };
}

// Where cargo plays the matrix of spec 2.8: a public index P, a repository U in front of it, and R and R2 behind U.
import assert from "node:assert/strict";
import { join } from "node:path";
import { createDomain, type Domain } from "../api.ts";
import { type CargoIndex, startCargoIndex } from "../cargo-index.ts";
import { type Cargo, openCargo } from "../clients/cargo.ts";
import type { Registry } from "../clients/client.ts";
import type { Result } from "../processes.ts";
import type { Stage } from "../suite.ts";
import { type Answer, send } from "../wire.ts";

export const U = "U-store";
export const R = "R-team";
export const R2 = "R2-team";
export type Repository = typeof U | typeof R | typeof R2;

export interface World {
  readonly stage: Stage;
  readonly domain: Domain;
  readonly P: CargoIndex;
  /** Adds a version that cargo packaged to P. */
  publicly(name: string, version: string): Promise<void>;
  publish(to: Repository, name: string, version: string, says?: string): Promise<Result>;
  /** With an empty cache, in a new project. */
  fetch(from: Repository, spec: string): Promise<Result>;
  /** Numbers in the index and in the API, which must agree. */
  listed(from: Repository, name: string): Promise<string[]>;
  download(from: Repository, name: string, version: string): Promise<Answer>;
  close(): void;
}

export async function build(stage: Stage): Promise<World> {
  const P = await startCargoIndex();
  const flags = ["--upstream", `public:crates-io=${P.url}`, "--upstream-freshness-ms", "0"];
  const domain = await createDomain(await stage.server("matrix", { flags }), "cargo");
  await domain.createRepository({ name: U, connection: "public:crates-io" });
  for (const name of [R, R2]) await domain.createRepository({ name, upstreams: [U] });
  const registries = new Map<Repository, Registry>();
  const places = new Map<Repository, Cargo>();
  for (const name of [U, R, R2] as const) {
    const registry = await domain.registry(name);
    registries.set(name, registry);
    places.set(name, await openCargo(join(stage.folder, name), registry));
  }
  const place = (name: Repository): Cargo => places.get(name) as Cargo;
  // no-cache, because what P was asked a moment ago may be remembered for a short time.
  const get = (from: Repository, path: string): Promise<Answer> => {
    const { url, token } = registries.get(from) as Registry;
    return send(url + path, { headers: { authorization: token, "cache-control": "no-cache" } });
  };
  return {
    stage,
    domain,
    P,
    async publicly(name, version) {
      P.add(name, version, await place(U).packaged({ name, version, says: "from P" }));
    },
    publish: (to, name, version, says = `from ${to}`) => place(to).publish({ name, version, says }),
    fetch: (from, spec) => place(from).fetch(spec),
    async listed(from, name) {
      const index = await get(from, `${name.slice(0, 2)}/${name.slice(2, 4)}/${name}`);
      const api = await get(from, `api/v1/crates/${name}/versions`);
      assert.equal(api.status, index.status, api.text);
      if (index.status === 404) return [];
      assert.equal(index.status, 200, index.text);
      const lines = index.text.trim().split("\n");
      const numbers = lines.map((line) => (JSON.parse(line) as { vers: string }).vers);
      const { versions }: { versions: { num: string }[] } = JSON.parse(api.text);
      assert.deepEqual(versions.map(({ num }) => num).sort(), numbers.toSorted());
      return numbers;
    },
    download: (from, name, version) => get(from, `api/v1/crates/${name}/${version}/download`),
    close: () => P.close(),
  };
}

/** The contract: 404 with a body, and a header that name the rule. */
export function isHidden({ status, headers, text }: Answer, rule: RegExp): void {
  assert.equal(status, 404, text);
  assert.match(String(headers["x-portcullis-reason"]), rule);
  assert.match(text, rule);
}

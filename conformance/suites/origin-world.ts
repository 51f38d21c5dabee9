// Where the matrix of spec 2.8 is played: a public registry P, a repository U in front of it, and R and R2 behind U.
import assert from "node:assert/strict";
import { join } from "node:path";
import { createDomain, type Domain } from "../api.ts";
import type { Registry, Workplace } from "../clients/client.ts";
import { npm } from "../clients/family.ts";
import { writePackage } from "../packages.ts";
import type { Result } from "../processes.ts";
import type { Stage } from "../suite.ts";
import { startVerdaccio, type Verdaccio } from "../verdaccio.ts";
import { type Answer, send } from "../wire.ts";
import { bearer } from "./npm-clients.ts";

/** U holds the connection to P; R and R2 have U as their upstream. */
const repositories = [
  { name: "U-store", connection: "public:npmjs" },
  { name: "R-team", upstreams: ["U-store"] },
  { name: "R2-team", upstreams: ["U-store"] },
] as const;
export const [{ name: U }, { name: R }, { name: R2 }] = repositories;
export type Repository = (typeof repositories)[number]["name"];

export interface World {
  readonly stage: Stage;
  readonly domain: Domain;
  readonly P: Verdaccio;
  readonly registries: Readonly<Record<Repository, Registry>>;
  readonly places: Readonly<Record<Repository, Workplace>>;
  readonly publish: (to: Repository, name: string, version: string) => Promise<Result>;
  /** Installs with an empty cache, in a new project. */
  readonly install: (from: Repository, spec: string) => Promise<Result>;
  readonly listed: (from: Repository, name: string) => Promise<string[]>;
  readonly tarball: (from: Repository, name: string, version: string) => Promise<Answer>;
}

export async function build(stage: Stage): Promise<World> {
  const P = await startVerdaccio(join(stage.folder, "verdaccio"));
  const flags = ["--upstream", `public:npmjs=${P.url}`, "--upstream-freshness-ms", "0"];
  const domain = await createDomain(await stage.server("server", { flags }));
  for (const setup of repositories) await domain.createRepository(setup);
  const each = async <T>(make: (name: Repository) => Promise<T>) =>
    Object.fromEntries(
      await Promise.all(repositories.map(async ({ name }) => [name, await make(name)])),
    ) as Record<Repository, T>;
  const registries = await each((name) => domain.registry(name));
  const places = await each((name) => npm.open(join(stage.folder, name), registries[name]));
  let count = 0;
  // no-cache, because what P was asked a moment ago may be remembered for a short time.
  const get = (from: Repository, path: string) =>
    send(registries[from].url + path, {
      headers: { ...bearer(registries[from]), "cache-control": "no-cache" },
    });
  return {
    stage,
    domain,
    P,
    registries,
    places,
    publish(to, name, version) {
      const folder = join(places[to].folder, `package-${count++}`);
      return places[to].publish(writePackage(folder, { name, version, says: `from ${to}` }));
    },
    install(from, spec) {
      const project = places[from].project(`project-${count++}`);
      return places[from].run(project, ["install", spec, "--cache", join(project, "cache")]);
    },
    async listed(from, name) {
      const { status, text } = await get(from, name);
      if (status === 404) return [];
      assert.equal(status, 200, text);
      const document: { versions: object } = JSON.parse(text);
      return Object.keys(document.versions).sort();
    },
    tarball: (from, name, version) => get(from, `${name}/-/${name}-${version}.tgz`),
  };
}

/** The contract: 404 with a body, and a header that name the rule. */
export async function isHidden({ status, headers, text }: Answer, rule: RegExp): Promise<void> {
  assert.equal(status, 404, text);
  assert.match(String(headers["x-portcullis-reason"]), rule);
  assert.match(text, rule);
}

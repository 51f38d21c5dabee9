// Every behaviour that every format must have, run against whichever format the given driver speaks for.
import { afterAll, beforeAll, describe } from "vitest";
import type { PackageKey } from "../core/coordinates.ts";
import type { Dependency } from "../registry/registry.ts";
import type { Format } from "./format.ts";
import { originTests } from "./suite/origin.suite.ts";
import { outageTests } from "./suite/outage.suite.ts";
import { permissionTests } from "./suite/permissions.suite.ts";
import { publishTests } from "./suite/publish.suite.ts";
import { readTests } from "./suite/read.suite.ts";
import { visibilityTests } from "./suite/visibility.suite.ts";
import { openWorld, type World } from "./suite/world.suite.ts";

/**
 * How the suite speaks one format's HTTP. Write one beside the format, as `formats/x/x.format.test.ts`:
 * `formatSuite({ ... })` is the whole file. `U` is what the driver keeps between `build` and `publish`.
 */
export interface FormatDriver<U = unknown> {
  readonly format: Format;
  /** The format is not one that the server has by itself: it is started with this one alone. */
  readonly guest?: true;
  /** A package whose name is `word` (lower-case letters, digits and hyphens), as the API knows it. */
  key(word: string): PackageKey;
  /** Other spellings of a package's name that clients may use and that mean the same; absent: there are none. */
  spellings?(key: PackageKey): readonly PackageKey[];
  /** At least six version numbers of the format, oldest first, as the API knows them. */
  readonly versions: readonly string[];
  /** The files of a version. Same arguments, same bytes; another `content`, other bytes in every file. */
  build(key: PackageKey, version: string, content: string): Promise<Built<U>> | Built<U>;
  /**
   * Publishes over HTTP as the format's client does, and gives the answer that decides: the first refusal, else the
   * last answer. `wrong`: sends this one of `digests` wrong. `unfinished`: leaves out what would finish the version.
   */
  publish(client: FormatClient, of: BuiltVersion<U>, how?: PublishHow): Promise<Response>;
  /** What a client can send of digests along with the bytes; each one that is wrong must be a 400. */
  readonly digests: readonly string[];
  /** The format knows versions that are not Published yet (spec 5.1: maven, generic). */
  readonly unfinished?: true;
  /** Packages of the format are served only by the repository that holds them (spec 4.6.3: generic). */
  readonly staysHere?: true;
  /** Every route that lists a package's versions, in every form (npm: full and abbreviated; pypi: HTML and JSON). */
  listings(key: PackageKey): readonly Listing[];
  /** Where a version's files are fetched, by the names the API gives its assets. */
  files(of: BuiltVersion<U>): readonly { readonly asset: string; readonly path: string }[];
  /** Further routes about one version (npm's manifest, pypi's metadata file), and when they answer 200. */
  documents?(of: BuiltVersion<U>): readonly { readonly path: string; readonly when: "listed" | "readable" }[];
  /**
   * What a public registry holding these versions serves below `base`: path (as requested, leading slash, still
   * encoded) → answer. Absent: the format has no public registries.
   */
  publicFiles?(
    base: string,
    versions: readonly BuiltVersion<U>[],
  ): ReadonlyMap<string, PublicFile> | Promise<ReadonlyMap<string, PublicFile>>;
}

export interface Built<U> {
  /** The bytes, by the names the API gives the assets. */
  readonly assets: ReadonlyMap<string, Buffer>;
  readonly upload: U;
  /** What ListPackageVersionDependencies must tell; left out: nothing. */
  readonly dependencies?: readonly Dependency[];
  /** What GetPackageVersionReadme must tell; left out: 404. */
  readonly readme?: string;
}

export interface BuiltVersion<U = unknown> {
  readonly key: PackageKey;
  readonly version: string;
  readonly built: Built<U>;
}

export interface PublishHow {
  readonly wrong?: string;
  readonly unfinished?: boolean;
}

/** Speaks to one repository at the format's door, with somebody's token or none. */
export interface FormatClient {
  /** The repository's address for this format, ending in `/`. */
  readonly base: string;
  /** `path` is relative to `base`. */
  send(path: string, init?: RequestInit): Promise<Response>;
}

export interface Listing {
  readonly what: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** The version numbers in the body of a 200. */
  read(body: string): readonly string[];
}

export interface PublicFile {
  readonly type: string;
  readonly body: Buffer | string;
  /** Further headers, such as Last-Modified. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** Declares the tests. */
export function formatSuite<U>(driver: FormatDriver<U>): void {
  const { name } = driver.format;
  describe(`${name} as every format`, () => {
    let world: World<U>;
    beforeAll(async () => {
      world = await openWorld(driver);
    });
    afterAll(() => world.close());
    const get = () => world;

    describe("publishing", () => publishTests(driver, get));
    describe("reading", () => readTests(driver, get));
    describe("permissions", () => permissionTests(driver, get));
    describe("origin control", () => originTests(driver, get));
    describe("visibility", () => visibilityTests(driver, get));
  });
  if (driver.publicFiles !== undefined)
    describe(`${name} while its public registry is in trouble`, () => outageTests(driver));
}

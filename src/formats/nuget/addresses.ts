// Where everything of the door is, below a repository's address; pure.

/** Registrations come in three kinds: for clients before 3.4, since then, and for those that know SemVer 2. */
export const HIVES = ["registration4", "registration4-gz", "registration4-gz-semver2"] as const;
export type Hive = (typeof HIVES)[number];

/** Clients older than 4.3 must not be shown what they cannot read. */
export function showsSemVer2(hive: Hive): boolean {
  return hive === "registration4-gz-semver2";
}

export function registrationUrl(base: string, hive: Hive, name: string): string {
  return `${base}v3/${hive}/${name}/index.json`;
}

export function pageUrl(base: string, hive: Hive, name: string, lower: string, upper: string): string {
  return `${base}v3/${hive}/${name}/page/${lower}/${upper}.json`;
}

export function leafUrl(base: string, hive: Hive, name: string, version: string): string {
  return `${base}v3/${hive}/${name}/${version}.json`;
}

export function catalogUrl(base: string, name: string, version: string): string {
  return `${base}v3/catalog/${name}/${version}.json`;
}

/** A file of a version: the package itself, or what is read out of it. */
export function contentUrl(base: string, name: string, version: string, file: string): string {
  return `${base}v3/flat2/${name}/${version}/${file}`;
}

interface Resource {
  readonly path: string;
  readonly types: readonly string[];
  readonly comment: string;
}

const RESOURCES: readonly Resource[] = [
  {
    path: "v3/registration4/",
    types: ["RegistrationsBaseUrl", "RegistrationsBaseUrl/3.0.0-beta", "RegistrationsBaseUrl/3.0.0-rc"],
    comment: "Registrations without SemVer 2.0.0 packages",
  },
  {
    path: "v3/registration4-gz/",
    types: ["RegistrationsBaseUrl/3.4.0"],
    comment: "Registrations without SemVer 2.0.0 packages, gzip where it is accepted",
  },
  {
    path: "v3/registration4-gz-semver2/",
    types: ["RegistrationsBaseUrl/3.6.0", "RegistrationsBaseUrl/Versioned"],
    comment: "Registrations of all packages, gzip where it is accepted",
  },
  { path: "v3/flat2/", types: ["PackageBaseAddress/3.0.0"], comment: "Package contents" },
  {
    path: "v3/query",
    types: [
      "SearchQueryService",
      "SearchQueryService/3.0.0-beta",
      "SearchQueryService/3.0.0-rc",
      "SearchQueryService/3.5.0",
    ],
    comment: "Search among what is held here and upstream of here",
  },
  {
    path: "v3/autocomplete",
    types: [
      "SearchAutocompleteService",
      "SearchAutocompleteService/3.0.0-beta",
      "SearchAutocompleteService/3.0.0-rc",
      "SearchAutocompleteService/3.5.0",
    ],
    comment: "Ids and versions to complete what is typed",
  },
  { path: "v3/package", types: ["PackagePublish/2.0.0"], comment: "Push, unlist and relist" },
  { path: "v3/symbolpackage", types: ["SymbolPackagePublish/4.9.0"], comment: "Push of symbol packages" },
  {
    path: "v3/flat2/{lower_id}/{lower_version}/readme",
    types: ["ReadmeUriTemplate/6.13.0"],
    comment: "A version's readme",
  },
];

/** The document that clients start from: one entry per type, as clients look for them. */
export function serviceIndex(base: string): unknown {
  const resources = RESOURCES.flatMap(({ path, types, comment }) =>
    types.map((type) => ({ "@id": `${base}${path}`, "@type": type, comment })),
  );
  const versioned = {
    "@id": `${base}v3/registration4-gz-semver2/`,
    "@type": "RegistrationsBaseUrl/Versioned",
    clientVersion: "4.3.0-alpha",
    comment: "Registrations of all packages, for clients since 4.3",
  };
  return {
    version: "3.0.0",
    resources: resources.map((resource) => (resource["@type"] === versioned["@type"] ? versioned : resource)),
  };
}

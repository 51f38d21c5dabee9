// Search and autocomplete, among what is held here and in what is searched from here.
import type { PackageKey } from "../../core/coordinates.ts";
import { invalid } from "../../core/faults.ts";
import type { Registry } from "../../registry/registry.ts";
import { sendJson } from "../answers.ts";
import type { DoorRequest } from "../format.ts";
import { contentUrl, leafUrl, registrationUrl } from "./addresses.ts";
import { isPrerelease, isSemVer2, shownVersion, typesOf } from "./facts.ts";
import { parseId } from "./names.ts";
import { type ShownVersion, shownVersions } from "./shown.ts";

const TAKE = 20;
const TAKE_MAX = 1_000;
const HITS_MAX = 1_000;
const HIVE = "registration4-gz-semver2";

interface Question {
  readonly text: string;
  readonly skip: number;
  readonly take: number;
  readonly prerelease: boolean;
  readonly semVer2: boolean;
  readonly packageType: string;
}

interface Hit {
  readonly key: PackageKey;
  /** Oldest first; at least one. */
  readonly versions: readonly ShownVersion[];
}

/** Answers `GET …/v3/query`. */
export async function search(registry: Registry, request: DoorRequest): Promise<void> {
  registry.authorize(request.caller, "ReadFromRepository", request.repository);
  const question = readQuestion(request.query);
  const { hits, total } = await findHits(registry, request, question);
  const shown = hits.slice(question.skip, question.skip + question.take);
  sendJson(request, 200, {
    totalHits: total,
    data: shown.map((hit) => describeHit(request.baseUrl, hit)),
  });
}

/** Answers `GET …/v3/autocomplete`: ids by their beginning, or the versions of one (`id`). */
export async function autocomplete(registry: Registry, request: DoorRequest): Promise<void> {
  const query = lowerCased(request.query);
  const id = query.get("id");
  const question = readQuestion(request.query);
  if (id !== null) {
    const key = parseId(id);
    registry.authorize(request.caller, "ReadFromRepository", request.repository, key ?? null);
    const versions = key === undefined ? [] : suitable(await versionsOf(registry, request, key), question);
    const data = versions.map(({ facts }) => shownVersion(facts));
    return sendJson(request, 200, { totalHits: data.length, data });
  }
  registry.authorize(request.caller, "ReadFromRepository", request.repository);
  const { hits, total } = await findHits(registry, request, question);
  const ids = hits.map(({ versions }) => versions.at(-1)?.facts.id ?? "");
  const data = ids.slice(question.skip, question.skip + question.take);
  sendJson(request, 200, { totalHits: total, data });
}

function readQuestion(query: string): Question {
  const fields = lowerCased(query);
  const text = (fields.get("q") ?? "").slice(0, 500);
  return {
    text,
    skip: whole(fields.get("skip"), 0),
    take: Math.min(whole(fields.get("take"), TAKE), TAKE_MAX),
    prerelease: fields.get("prerelease")?.toLowerCase() === "true",
    semVer2: /^2(\.|$)/.test(fields.get("semverlevel") ?? ""),
    packageType: (fields.get("packagetype") ?? "").toLowerCase(),
  };
}

/** Clients differ in the case of parameter names. */
function lowerCased(query: string): URLSearchParams {
  const lowered = new URLSearchParams();
  for (const [name, value] of new URLSearchParams(query)) lowered.append(name.toLowerCase(), value);
  return lowered;
}

function whole(text: string | null, fallback: number): number {
  const value = text === null || text === "" ? fallback : Number(text);
  if (!Number.isSafeInteger(value) || value < 0) throw invalid("'skip' and 'take' are whole numbers from 0.");
  return value;
}

/**
 * `packageid:x` is for one package; anything else for what holds every word. No further than the question goes is looked
 * into what each package has: `total` then counts those behind it too, whatever they have.
 */
async function findHits(
  registry: Registry,
  request: DoorRequest,
  question: Question,
): Promise<{ readonly hits: readonly Hit[]; readonly total: number }> {
  const [, field = "", name] = /^(packageid|id):\s*"?([^"\s]+)"?$/i.exec(question.text.trim()) ?? [];
  const { hits } = await registry.search(request.repository, "nuget", name ?? question.text, 0, HITS_MAX);
  const exact = field.toLowerCase() === "packageid" ? name?.toLowerCase() : undefined;
  const keys = hits.flatMap(({ key }) => (exact === undefined || key.name === exact ? [key] : []));
  const found: Hit[] = [];
  let looked = 0;
  for (const key of keys) {
    if (found.length >= question.skip + question.take) break;
    looked++;
    const versions = suitable(await versionsOf(registry, request, key), question);
    if (versions.length > 0) found.push({ key, versions });
  }
  return { hits: found, total: found.length + keys.length - looked };
}

async function versionsOf(registry: Registry, { repository }: DoorRequest, key: PackageKey) {
  return shownVersions(registry, await registry.view(repository, key, { heldOnly: true }));
}

function suitable(
  versions: readonly ShownVersion[],
  { prerelease, semVer2, packageType }: Question,
): readonly ShownVersion[] {
  return versions.filter(
    ({ facts, listed }) =>
      listed &&
      (prerelease || !isPrerelease(facts.version)) &&
      (semVer2 || !isSemVer2(facts)) &&
      (packageType === "" || typesOf(facts).some((type) => type.toLowerCase() === packageType)),
  );
}

function describeHit(base: string, { key, versions }: Hit) {
  const newest = versions.at(-1) as ShownVersion;
  const { facts } = newest;
  const registration = registrationUrl(base, HIVE, key.name);
  const iconUrl = facts.icon === "" ? facts.iconUrl : contentUrl(base, key.name, newest.version, "icon");
  const licenseUrl =
    facts.licenseFile === "" ? facts.licenseUrl : contentUrl(base, key.name, newest.version, "license");
  return {
    "@id": registration,
    "@type": "Package",
    registration,
    id: facts.id,
    version: shownVersion(facts),
    description: facts.description,
    summary: facts.summary,
    title: facts.title === "" ? facts.id : facts.title,
    ...(iconUrl === "" ? {} : { iconUrl }),
    ...(licenseUrl === "" ? {} : { licenseUrl }),
    ...(facts.projectUrl === "" ? {} : { projectUrl: facts.projectUrl }),
    tags: facts.tags,
    authors: facts.authors === "" ? [] : facts.authors.split(/\s*,\s*/),
    totalDownloads: 0,
    verified: false,
    packageTypes: typesOf(facts).map((name) => ({ name })),
    versions: versions.map(({ version, facts: of }) => ({
      version: shownVersion(of),
      downloads: 0,
      "@id": leafUrl(base, HIVE, key.name, version),
    })),
  };
}

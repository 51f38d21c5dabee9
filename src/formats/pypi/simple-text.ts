// The simple index as text: a project's page and the list of projects, in JSON and in HTML; pure.
import { escapeHtml } from "./html-page.ts";
import type { ListedFile, Project } from "./project.ts";

/** 1.1 sizes and times (PEP 700), 1.2 tracks and other locations (708), 1.3 provenance (740), 1.4 status (792). */
const API_VERSION = "1.4";

/** Absolute: relative ones have tripped clients that keep credentials by address (spec 8.2.5). `base` ends in `/`. */
export function fileUrl(base: string, project: string, { version, filename }: ListedFile): string {
  return `${base}simple/${project}/${encodeURIComponent(version)}/${encodeURIComponent(filename)}`;
}

export function renderJson(project: Project, base: string): string {
  const { name, versions, files, tracks, alternateLocations, status } = project;
  return JSON.stringify({
    meta: { "api-version": API_VERSION, ...(tracks.length === 0 ? {} : { tracks }) },
    name,
    ...(alternateLocations.length === 0 ? {} : { "alternate-locations": alternateLocations }),
    ...(status === undefined ? {} : { "project-status": status }),
    versions,
    files: files.map((file) => fileJson(file, fileUrl(base, name, file))),
  });
}

function fileJson(file: ListedFile, url: string): object {
  const metadata = file.metadata === undefined ? false : { sha256: file.metadata };
  return {
    filename: file.filename,
    url,
    hashes: file.hashes,
    ...(file.requiresPython === undefined ? {} : { "requires-python": file.requiresPython }),
    ...(file.size === undefined ? {} : { size: file.size }),
    ...(file.uploadTime === undefined ? {} : { "upload-time": file.uploadTime }),
    yanked: file.yanked,
    "core-metadata": metadata,
    "dist-info-metadata": metadata,
    ...(file.provenance === undefined ? {} : { provenance: provenanceUrl(file.provenance, url) }),
  };
}

function provenanceUrl(provenance: "here" | { readonly url: string }, url: string): string {
  return provenance === "here" ? `${url}.provenance` : provenance.url;
}

export function renderHtml(project: Project, base: string): string {
  const { name, files, tracks, alternateLocations, status } = project;
  const metas = [
    ...tracks.map((url) => meta("pypi:tracks", url)),
    ...alternateLocations.map((url) => meta("pypi:alternate-locations", url)),
    ...(status === undefined ? [] : [meta("pypi:project-status", status.status)]),
    ...(status?.reason === undefined ? [] : [meta("pypi:project-status-reason", status.reason)]),
  ];
  const links = files.map((file) => link(file, fileUrl(base, name, file)));
  return page(`Links for ${name}`, metas, links);
}

/** `names` are normalised. */
export function renderNamesHtml(names: readonly string[], base: string): string {
  return page(
    "Projects",
    [],
    names.map((name) => `<a href="${escapeHtml(`${base}simple/${name}/`)}">${name}</a><br/>`),
  );
}

export function renderNamesJson(names: readonly string[]): string {
  return JSON.stringify({ meta: { "api-version": API_VERSION }, projects: names.map((name) => ({ name })) });
}

function page(title: string, metas: readonly string[], lines: readonly string[]): string {
  const head = [
    '<meta charset="utf-8">',
    meta("pypi:repository-version", API_VERSION),
    ...metas,
    `<title>${title}</title>`,
  ];
  return `<!DOCTYPE html>\n<html>\n<head>\n${head.join("\n")}\n</head>\n<body>\n<h1>${title}</h1>\n${lines.join("\n")}\n</body>\n</html>\n`;
}

function meta(name: string, content: string): string {
  return `<meta name="${name}" content="${escapeHtml(content)}">`;
}

function link(file: ListedFile, url: string): string {
  const [algorithm, digest] = bestHash(file.hashes);
  const attributes: (readonly [string, string | undefined])[] = [
    ["href", `${url}#${algorithm}=${digest}`],
    ["data-requires-python", file.requiresPython],
    ["data-yanked", file.yanked === false ? undefined : file.yanked === true ? "" : file.yanked],
    ["data-core-metadata", file.metadata === undefined ? undefined : `sha256=${file.metadata}`],
    ["data-dist-info-metadata", file.metadata === undefined ? undefined : `sha256=${file.metadata}`],
    ["data-upload-time", file.uploadTime],
    ["data-provenance", file.provenance === undefined ? undefined : provenanceUrl(file.provenance, url)],
  ];
  const text = attributes.flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}="${escapeHtml(value)}"`],
  );
  return `<a ${text.join(" ")}>${escapeHtml(file.filename)}</a><br/>`;
}

/** A link has room for one. */
function bestHash(hashes: Readonly<Record<string, string>>): readonly [string, string] {
  for (const algorithm of ["sha256", "sha512", "sha1", "md5"]) {
    const digest = hashes[algorithm];
    if (digest !== undefined) return [algorithm, digest];
  }
  return ["sha256", ""];
}

// Package managers' addresses in both forms: `/{format}/d/{domain}-{owner}/{repository}/` and `{domain}-{owner}.d.{host}/{format}/{repository}/`.
import type { PackageFormat } from "../core/coordinates.ts";
import { isPackageFormat } from "../core/coordinates.ts";
import { Fault } from "../core/faults.ts";

export interface Address {
  readonly format: PackageFormat;
  readonly domain: string;
  readonly owner: string;
  readonly repository: string;
  /** Decoded segments after the repository. */
  readonly rest: readonly string[];
  /** The repository's address as this client reaches it, ending in `/`. */
  readonly baseUrl: string;
}

const HOST_FORM = /^([a-z][a-z0-9-]*[a-z0-9])-([0-9]{12})\.d\.([A-Za-z0-9.:-]+)$/i;
const PLAIN_HOST = /^(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(:[0-9]{1,5})?$/;

/** Undefined when the request is not a package manager's. Throws 400 for a Host that cannot be one. */
export function parseAddress(
  segments: readonly string[],
  host: string | undefined,
  publicUrl: string | undefined,
): Address | undefined {
  const inHost = host === undefined ? null : HOST_FORM.exec(host);
  return inHost === null
    ? pathForm(segments, host, publicUrl)
    : hostForm(segments, inHost, host as string, publicUrl);
}

function pathForm(
  segments: readonly string[],
  host: string | undefined,
  publicUrl: string | undefined,
): Address | undefined {
  const [format, d, owned, repository, ...rest] = segments;
  if (
    format === undefined ||
    d !== "d" ||
    owned === undefined ||
    repository === undefined ||
    !isPackageFormat(format)
  )
    return undefined;
  const [, domain, owner] = /^(.+)-([0-9]{12})$/.exec(owned) ?? [];
  if (domain === undefined || owner === undefined) return undefined;
  return {
    format,
    domain,
    owner,
    repository,
    rest,
    baseUrl: endpoint(origin(host, publicUrl), format, { domain, owner }, repository),
  };
}

function hostForm(
  segments: readonly string[],
  match: RegExpExecArray,
  host: string,
  publicUrl: string | undefined,
): Address | undefined {
  const [format, repository, ...rest] = segments;
  const [, domain, owner] = match;
  if (format === undefined || repository === undefined || !isPackageFormat(format)) return undefined;
  const scheme = publicUrl === undefined ? "http:" : new URL(publicUrl).protocol;
  return {
    format,
    domain: (domain as string).toLowerCase(),
    owner: owner as string,
    repository,
    rest,
    baseUrl: `${scheme}//${host}/${format}/${encodeURIComponent(repository)}/`,
  };
}

/** Scheme and host as clients see them: the configured public URL, else the request's own Host. */
export function origin(host: string | undefined, publicUrl: string | undefined): string {
  if (publicUrl !== undefined) return publicUrl;
  if (host === undefined || !PLAIN_HOST.test(host)) {
    throw new Fault(
      "ValidationException",
      "The Host header is missing or is not a host name with an optional port.",
      { reason: "CANNOT_PARSE" },
    );
  }
  return `http://${host}`;
}

/** What GetRepositoryEndpoint answers (contract, Addresses); always ends in `/`. */
export function endpoint(
  at: string,
  format: PackageFormat,
  domain: { readonly domain: string; readonly owner: string },
  repository: string,
): string {
  return `${at}/${format}/d/${domain.domain}-${domain.owner}/${encodeURIComponent(repository)}/`;
}

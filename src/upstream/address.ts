// Addresses of registries: built below a connection's own, and shown without what is secret in them.
import { Fault } from "../core/faults.ts";
import type { Connection } from "./upstream.ts";

/**
 * The absolute address of an already encoded path below the connection's URL, without user info. A path that would
 * lead out of the connection's folder is an UpstreamFault.
 */
export function urlBelow(connection: Connection, path: string): string {
  const base = new URL(connection.url);
  const folder = `${base.origin}${base.pathname.replace(/\/*$/, "/")}`;
  const url = `${folder}${path.replace(/^\/+/, "")}`;
  if (URL.canParse(url) && new URL(url).href.startsWith(folder)) return url;
  throw new Fault(
    "UpstreamFault",
    `${JSON.stringify(path)} is not below the address of the external connection '${connection.name}'.`,
    { status: 502 },
  );
}

/** An address as it may be shown or stored: without user info, and without a query, which may be a signature. */
export function showUrl(url: string): string {
  if (!URL.canParse(url)) return "an address that is no URL";
  const { protocol, host, pathname } = new URL(url);
  return `${protocol}//${host}${pathname}`;
}

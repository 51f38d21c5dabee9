// Where each external connection's registry is: configured, else remembered in the data folder, else found on this machine once.
import { readFile, rename, writeFile } from "node:fs/promises";
import type { Log } from "./core/log.ts";
import type { Discovered } from "./upstream/discovery.ts";
import type { Connection } from "./upstream/upstream.ts";

export interface ConnectionsOptions {
  /** From flags, environment and file; they win. */
  readonly configured: Readonly<Record<string, string>>;
  /** `<data>/upstreams.json`. */
  readonly file: string;
  /** Reads the settings of the machine's own package managers. */
  readonly discover: () => Promise<Discovered>;
  readonly log: Log;
}

/**
 * Looks a connection up. On the first start the file is written with what was found, so that a company's mirrors are
 * followed and can be seen and changed; afterwards only the file is read. Credentials found beside the settings are
 * used and never written.
 */
export function createConnections(options: ConnectionsOptions): { readonly find: (name: string) => Promise<Connection | undefined>; readonly ready: Promise<void> } {
  const remembered = loadOrDiscover(options);
  const authorizations = options.discover().then(
    (found) => found.authorizations,
    () => ({}) as Readonly<Record<string, string>>,
  );
  return {
    ready: remembered.then(() => undefined),
    async find(name) {
      const url = options.configured[name] ?? (await remembered)[name];
      if (url === undefined) return undefined;
      const authorization = authorizationFor(url, await authorizations);
      return { name, url: url.endsWith("/") ? url : `${url}/`, ...(authorization === undefined ? {} : { authorization }) };
    },
  };
}

async function loadOrDiscover({ file, discover, log }: ConnectionsOptions): Promise<Readonly<Record<string, string>>> {
  const text = await readFile(file, "utf8").catch(() => undefined);
  if (text !== undefined) return parse(text, file, log);
  const { urls } = await discover();
  await writeFile(`${file}.new`, `${JSON.stringify(urls, null, 2)}\n`, { mode: 0o600 });
  await rename(`${file}.new`, file);
  log.info({ connections: Object.keys(urls) }, "wrote upstreams.json from the settings of this machine's package managers");
  return urls;
}

function parse(text: string, file: string, log: Log): Readonly<Record<string, string>> {
  try {
    const content = JSON.parse(text) as unknown;
    if (typeof content === "object" && content !== null) {
      return Object.fromEntries(Object.entries(content).filter(([, url]) => typeof url === "string" && URL.canParse(url))) as Record<string, string>;
    }
  } catch {
    // told below
  }
  log.error({ file }, "upstreams.json is not a JSON object of connection names and URLs; it is ignored");
  return {};
}

/** Settings name a registry by its URL without scheme; the longest that fits speaks for it, as in npm. */
function authorizationFor(url: string, authorizations: Readonly<Record<string, string>>): string | undefined {
  const bare = url.replace(/^https?:/, "");
  const fitting = Object.keys(authorizations).filter((prefix) => bare.startsWith(prefix));
  const [longest] = fitting.sort((a, b) => b.length - a.length);
  return longest === undefined ? undefined : authorizations[longest];
}

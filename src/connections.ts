// Where each external connection's registry is: configured, else remembered in the data folder, else found on this machine once.
import { access, readFile, rename, rm, writeFile } from "node:fs/promises";
import { setTimeout } from "node:timers/promises";
import type { Log } from "./core/log.ts";
import type { Discovered } from "./upstream/discovery.ts";
import type { Connection } from "./upstream/upstream.ts";

export interface ConnectionsOptions {
  /** From flags, environment and file; they win. */
  readonly configured: Readonly<Record<string, string>>;
  /** `<data>/upstreams.json`. */
  readonly file: string;
  /** What the machine's own package managers are set to use: first what files say, then what they answer when asked. */
  readonly discoverQuickly: () => Discovered;
  readonly discoverByAsking: () => Promise<Readonly<Record<string, string>>>;
  /** Of several processes over one folder, the one that looks and writes; the others wait for what it finds. */
  readonly leads: boolean;
  readonly log: Log;
}

export interface Connections {
  /** Undefined when nobody said where that connection's registry is. */
  find(name: string): Promise<Connection | undefined>;
  /** Resolves once what files say is in upstreams.json. */
  readonly ready: Promise<void>;
  /** Nothing is written any more once this resolves. */
  close(): Promise<void>;
}

/**
 * On the first start the file is written with what was found, so that a company's mirrors are followed and can be seen
 * and changed; afterwards only the file is read. Slow answers are added when they come; the start does not wait for
 * them, a look-up through such a connection does. Credentials found beside the settings are used and never written.
 * While the slow ones are asked, a mark lies beside the file: other processes wait for its end, and a process that was
 * ended meanwhile asks again at its next start.
 */
export function createConnections(options: ConnectionsOptions): Connections {
  const { authorizations, urls: quick } = options.discoverQuickly();
  let closed = false;
  const remembered = remember(options, quick, () => closed);
  return {
    ready: remembered.then(() => undefined),
    async find(name) {
      const { urls, later } = await remembered;
      const url = options.configured[name] ?? urls[name] ?? (await later)[name];
      if (url === undefined) return undefined;
      const authorization = authorizationFor(url, authorizations);
      return { name, url, ...(authorization === undefined ? {} : { authorization }) };
    },
    async close() {
      closed = true;
      await (await remembered).writing.now;
    },
  };
}

type Urls = Readonly<Record<string, string>>;

interface Remembered {
  readonly urls: Urls;
  /** What the package managers answer when asked; never rejects. */
  readonly later: Promise<Urls>;
  /** The write under way, for whoever wants the folder to himself. */
  readonly writing: { now: Promise<void> };
}

async function remember(
  { file, discoverByAsking, leads, log }: ConnectionsOptions,
  quick: Urls,
  isClosed: () => boolean,
): Promise<Remembered> {
  const writing = { now: Promise.resolve() };
  const read = async () => readFile(file, "utf8").catch(() => undefined);
  const text = await read();
  const known = text === undefined ? undefined : parse(text, file, log);
  if (known !== undefined && !(await isMarked(file)))
    return { urls: known, later: Promise.resolve({}), writing };
  if (!leads)
    return {
      urls: known ?? {},
      later: othersAnswer(file, async () => parse((await read()) ?? "{}", file, log)),
      writing,
    };
  await writeFile(markOf(file), "", { mode: 0o600 });
  if (known === undefined) await write(file, quick);
  const later = discoverByAsking().then(async (asked) => {
    const urls = { ...asked, ...(known ?? quick) };
    if (isClosed()) return urls;
    writing.now = write(file, urls)
      .then(() => rm(markOf(file), { force: true }))
      .then(
        () =>
          log.info(
            { connections: Object.keys(urls) },
            "wrote upstreams.json from the settings of this machine's package managers",
          ),
        (error: unknown) => log.warn({ error: String(error) }, "upstreams.json could not be completed"),
      );
    await writing.now;
    return urls;
  });
  return { urls: known ?? quick, later, writing };
}

function markOf(file: string): string {
  return `${file}.asking`;
}

function isMarked(file: string): Promise<boolean> {
  return access(markOf(file)).then(
    () => true,
    () => false,
  );
}

/** Longer than asking takes; whoever asked has ended if the mark still stands. */
const ASKED_MS = 15_000;
const LOOK_EVERY_MS = 100;

async function othersAnswer(file: string, read: () => Promise<Urls>): Promise<Urls> {
  const until = Date.now() + ASKED_MS;
  while (Date.now() < until && (await isMarked(file)))
    await setTimeout(LOOK_EVERY_MS, undefined, { ref: false });
  return read();
}

async function write(file: string, urls: Urls): Promise<void> {
  await writeFile(`${file}.new`, `${JSON.stringify(urls, null, 2)}\n`, { mode: 0o600 });
  await rename(`${file}.new`, file);
}

function parse(text: string, file: string, log: Log): Readonly<Record<string, string>> {
  try {
    const content = JSON.parse(text) as unknown;
    if (typeof content === "object" && content !== null) {
      return Object.fromEntries(
        Object.entries(content).filter(([, url]) => typeof url === "string" && URL.canParse(url)),
      ) as Record<string, string>;
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

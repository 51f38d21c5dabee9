// Where registries are, found once for all processes of a data folder: the others wait, and a broken-off search is taken up again.
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type Connections, createConnections } from "./connections.ts";

const QUICK = "http://registry.example/quick/";
const SLOW = "http://registry.example/slow/";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "portcullis-connections-"));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

type Answer = Promise<Readonly<Record<string, string>>>;

async function open(leads: boolean, asked: () => Answer): Promise<Connections> {
  const connections = createConnections({
    configured: {},
    file: join(folder, "upstreams.json"),
    discoverQuickly: () => ({ urls: { "public:npmjs": QUICK }, authorizations: {} }),
    discoverByAsking: asked,
    leads,
    log: pino({ level: "silent" }),
  });
  await connections.ready;
  return connections;
}

const unasked = (): Answer => Promise.reject(new Error("only one asks"));
const url = async (connections: Connections, name: string) => (await connections.find(name))?.url;

test("a process that does not lead knows at once what files say, and waits for what the leading one asks for", async () => {
  const { promise, resolve } = Promise.withResolvers<Readonly<Record<string, string>>>();
  const first = await open(true, () => promise);
  const second = await open(false, unasked);
  expect(await url(second, "public:npmjs")).toBe(QUICK);
  const waiting = url(second, "public:pypi");
  resolve({ "public:pypi": SLOW });
  expect(await waiting).toBe(SLOW);
  expect(await url(first, "public:pypi")).toBe(SLOW);
  const third = await open(false, unasked);
  expect(await url(third, "public:pypi")).toBe(SLOW);
  expect(await readdir(folder)).toEqual(["upstreams.json"]);
});

test("a search that a crash broke off is taken up at the next start; what the file says by then stays", async () => {
  await open(true, () => new Promise(() => undefined));
  const next = await open(true, () => Promise.resolve({ "public:npmjs": SLOW, "public:pypi": SLOW }));
  expect(await url(next, "public:pypi")).toBe(SLOW);
  await next.close();
  expect(JSON.parse(await readFile(join(folder, "upstreams.json"), "utf8"))).toEqual({
    "public:npmjs": QUICK,
    "public:pypi": SLOW,
  });
  await open(true, unasked);
});

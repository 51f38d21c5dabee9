// The command line of issuers, sessions and files of identities; a file applied when the server starts; and the last administrator.
import { spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openDatabase } from "../src/store/database.ts";
import { listPrincipals } from "../src/store/principals.ts";
import { startServer } from "./server.ts";

const BIN = resolve(import.meta.dirname, "../bin/portcullis");
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "portcullis-identities-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

function run(...args: string[]): Promise<{ code: number | null; out: string; err: string }> {
  const child = spawn(BIN, [...args, "--data", join(folder, "data")], { stdio: ["ignore", "pipe", "pipe"] });
  let [out, err] = ["", ""];
  child.stdout.on("data", (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (err += chunk.toString()));
  return new Promise((done) => child.once("close", (code) => done({ code, out, err })));
}

async function file(name: string, text: string): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, text);
  return path;
}

test("issuers: made, listed, deleted; http, no audience and a second one are refused with what would do", async () => {
  const url = "https://issuer.example/ci";
  const arn = "arn:aws:iam::000000000000:oidc-provider/issuer.example/ci";
  expect(await run("oidc", "create", url)).toMatchObject({
    code: 1,
    err: expect.stringMatching(/--audience/),
  });
  const http = await run("oidc", "create", "http://issuer.example", "--audience", "a");
  expect(http).toMatchObject({ code: 1, err: expect.stringMatching(/not https.*--allow-http/) });
  expect(await run("oidc", "create", url, "--audience", "a", "--audience", "b")).toEqual({
    code: 0,
    out: `${arn}\n`,
    err: "",
  });
  expect((await run("oidc", "create", url, "--audience", "a")).err).toMatch(/there already.*oidc delete/);
  const ca = await file("no.pem", "no certificate");
  const bad = await run("oidc", "create", "https://b.example", "--audience", "a", "--ca-file", ca);
  expect(bad.err).toMatch(/no certificate in PEM form/);
  expect((await run("oidc", "list")).out).toMatch(/^https:\/\/issuer\.example\/ci +a,b +arn:/m);
  expect((await run("oidc", "delete", url)).out).toMatch(/^deleted arn:.*session revoke/);
  expect((await run("oidc", "delete", url)).err).toMatch(/there is no arn:.*oidc list/);
});

test("sessions: what is not there is said; one of ID and --role is asked for", async () => {
  expect((await run("session", "list")).out).toMatch(/^ID +ROLE/);
  expect((await run("session", "revoke", "ASIANOBODY")).err).toMatch(/no session 'ASIANOBODY'.*session list/);
  expect((await run("session", "revoke")).err).toMatch(/give the ID of a session, or --role/);
});

test("a file: planned, applied, no change; its mistakes with line and path; the last administrator is kept", async () => {
  const path = await file("ids.yaml", "users:\n  jane: { policies: [reader] }\n");
  expect((await run("identities", "apply", path, "--dry-run")).out).toBe(
    "would create user jane in account 000000000000\nnothing was changed; leave out --dry-run to apply it\n",
  );
  expect((await run("identities", "apply", path)).out).toBe(
    "create user jane in account 000000000000\njane has no key yet: portcullis key create jane --account 000000000000\n",
  );
  expect((await run("identities", "apply", path)).out).toBe("no change\n");
  const wrong = await file("wrong.yaml", "users:\n  jane: { policies: [nothing] }\n");
  const refused = await run("identities", "apply", wrong);
  expect(refused).toMatchObject({ code: 1, out: "" });
  expect(refused.err).toMatch(/wrong\.yaml:2: users\.jane: there is no policy 'nothing'/);

  const kept = await run("user", "delete", "administrator");
  expect(kept.err).toMatch(/nothing was changed.*user create NAME --policy administrator.*--force/);
  expect((await run("policy", "detach", "administrator", "--user", "administrator")).code).toBe(1);
  expect((await run("user", "delete", "administrator", "--force")).code).toBe(0);
  expect((await run("journal", "--format", "json")).out).toMatch(/"change":"user-deleted"/);
});

test("at start: a file is applied, and one that cannot be stops the start", async () => {
  const path = await file("start.json", JSON.stringify({ users: { started: { policies: ["reader"] } } }));
  const server = await startServer({ identities: path });
  const database = await openDatabase(server.database);
  const names = (await listPrincipals(database.read, "user")).map(({ name }) => name);
  await database.close();
  await server.close();
  expect(names).toEqual(["administrator", "started"]);
  const wrong = await file("wrong.json", '{"users": {"x": {"keys": 1}}}');
  await expect(startServer({ identities: wrong })).rejects.toThrow(/wrong\.json:1: users\.x\.keys/);
});

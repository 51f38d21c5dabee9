// What one process changes, another one notices, on both databases.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { freshPostgres } from "../../test/databases.ts";
import type { Database } from "./database.ts";
import { openDatabase } from "./database.ts";
import { insertDomain, touchDomain } from "./domains.ts";
import { insertToken, recordTokenUse, revokeToken } from "./identities.ts";
import { deletePrincipal, insertPrincipal } from "./principals.ts";

const postgres = process.env.PORTCULLIS_TEST_POSTGRES;
const engines = [
  { engine: "SQLite", skip: false },
  { engine: "PostgreSQL", skip: postgres === undefined },
];

describe.each(engines.filter(({ skip }) => !skip))("on $engine", ({ engine }) => {
  let folder: string;
  let here: Database;
  let there: Database;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "portcullis-notices-"));
    const location = engine === "SQLite" ? join(folder, "db") : await freshPostgres(postgres as string);
    here = await openDatabase(location);
    there = await openDatabase(location);
  });
  afterEach(async () => {
    await Promise.all([here.close(), there.close()]);
    await rm(folder, { recursive: true });
  });

  /** Whether `here` notices within a second. */
  async function notices(change: (database: Database) => Promise<unknown>): Promise<boolean> {
    const before = here.foreignChanges();
    await change(there);
    for (let i = 0; i < 100 && here.foreignChanges() === before; i++)
      await new Promise((r) => setTimeout(r, 10));
    return here.foreignChanges() !== before;
  }

  test("a user, a revoked token, a domain's configuration", async () => {
    const user = { account: "000000000000", name: "a", arn: "arn:a", policies: [] };
    let id = 0;
    expect(await notices((db) => db.write(async (tx) => (id = await insertPrincipal(tx, user, 1))))).toBe(
      true,
    );
    const domain = await there.write((tx) =>
      insertDomain(tx, { owner: "000000000000", name: "d1", encryptionKey: "k", createdAt: 1 }),
    );
    const domainId = domain?.id as number;
    const token = { id: "t", secretHash: "h", domainId, principalId: id, createdAt: 1, expiresAt: 9 };
    await there.write((tx) => insertToken(tx, token));
    expect(await notices((db) => db.write((tx) => revokeToken(tx, "t", 2)))).toBe(true);
    expect(await notices((db) => db.write((tx) => touchDomain(tx, domainId)))).toBe(true);
    expect(await notices((db) => db.write((tx) => deletePrincipal(tx, id)))).toBe(true);
  });

  test("not what it changes itself", async () => {
    const user = { account: "000000000000", name: "a", arn: "arn:a", policies: [] };
    const before = here.foreignChanges();
    const id = await here.write((tx) => insertPrincipal(tx, user, 1));
    await here.write((tx) => deletePrincipal(tx, id));
    await new Promise((r) => setTimeout(r, 100));
    expect(here.foreignChanges()).toBe(before);
  });

  test.runIf(engine === "PostgreSQL")("not that a token was made or used: that voids nothing", async () => {
    const domain = await there.write((tx) =>
      insertDomain(tx, { owner: "000000000000", name: "d1", encryptionKey: "k", createdAt: 1 }),
    );
    const user = { account: "000000000000", name: "a", arn: "arn:a", policies: [] };
    const principalId = await there.write((tx) => insertPrincipal(tx, user, 1));
    await new Promise((r) => setTimeout(r, 100));
    const before = here.foreignChanges();
    const token = {
      id: "t",
      secretHash: "h",
      domainId: domain?.id as number,
      principalId,
      createdAt: 1,
      expiresAt: 9,
    };
    await there.write((tx) => insertToken(tx, token));
    await there.write((tx) => recordTokenUse(tx, "t", 5));
    await new Promise((r) => setTimeout(r, 100));
    expect(here.foreignChanges()).toBe(before);
  });
});

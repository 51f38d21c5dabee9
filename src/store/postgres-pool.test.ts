// PostgreSQL in trouble, for real: refused, terminated, locked, slow, full, read-only; and statements that are prepared once they come often.
import { connect, createServer, type Socket } from "node:net";
import { sql } from "kysely";
import pg from "pg";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { freshPostgres } from "../../test/databases.ts";
import { Fault } from "../core/faults.ts";
import type { Database, DatabaseOptions } from "./database.ts";
import { isUniqueViolation, openDatabase } from "./database.ts";
import { readSetting } from "./settings.ts";

const POSTGRES = process.env.PORTCULLIS_TEST_POSTGRES;

describe.skipIf(POSTGRES === undefined)("PostgreSQL in trouble (skipped without one)", () => {
  let url: string;
  let admin: pg.Client;
  let open: Database[];
  beforeEach(async () => {
    url = await freshPostgres(POSTGRES as string);
    open = [];
    admin = new pg.Client(url);
    await admin.connect();
  });
  afterEach(async () => {
    await admin.end();
    await Promise.all(open.map((database) => database.close()));
  });
  const start = async (options: DatabaseOptions = {}): Promise<Database> => {
    const database = await openDatabase(url, options);
    open.push(database);
    return database;
  };
  const put = (database: Database, key: string): Promise<void> =>
    database.write(
      async (tx) => void (await tx.insertInto("server_setting").values({ key, value: "1" }).execute()),
    );
  /** Ends every session of the server but our own. */
  const terminate = () =>
    admin.query(
      "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()",
    );
  const unavailable = (message: RegExp) =>
    expect.objectContaining({
      code: "ServiceUnavailable",
      status: 503,
      message: expect.stringMatching(message),
      detail: expect.objectContaining({ retryAfterSeconds: 1 }),
    });

  test("idle connections that are ended are replaced before anybody notices; so are those of a transaction's first word", async () => {
    const database = await start();
    for (let round = 0; round < 5; round++) {
      await Promise.all(Array.from({ length: 8 }, () => sql`select pg_sleep(0.01)`.execute(database.read)));
      await terminate();
      // At once: some of the pool's connections do not know yet that they are dead.
      await Promise.all([
        ...Array.from({ length: 8 }, () => readSetting(database.read, "x")),
        ...Array.from({ length: 4 }, (_, i) => put(database, `${round}-${i}`)),
      ]);
    }
    const rows = await database.read
      .selectFrom("server_setting")
      .select("key")
      .where("value", "=", "1")
      .execute();
    expect(rows).toHaveLength(20);
  });

  test("a connection that ends inside a transaction: a 503, nothing recorded, and no crash while it is between two statements", async () => {
    const database = await start();
    const work = database.write(async (tx) => {
      await tx.insertInto("server_setting").values({ key: "half", value: "1" }).execute();
      await terminate();
      await new Promise((resolve) => setTimeout(resolve, 50));
      await tx.insertInto("server_setting").values({ key: "other", value: "1" }).execute();
    });
    await expect(work).rejects.toEqual(unavailable(/Nothing was recorded/));
    expect(await readSetting(database.read, "half")).toBeUndefined();
  });

  test("a commit whose answer is lost: the 503 says that it is not known, and that the same may be sent again", async () => {
    const between = await cutAtCommit(url);
    url = between.url;
    const database = await start();
    between.arm();
    await expect(put(database, "perhaps")).rejects.toEqual(
      unavailable(/not known.*sending the same again is safe/),
    );
    between.disarm();
    expect(await readSetting(database.read, "perhaps")).toBe("1");
    await Promise.all(open.splice(0).map((each) => each.close()));
    between.close();
  });

  test("a statement that takes too long, a lock that is not given, a pool that is empty: each a 503 that says so", async () => {
    const database = await start({
      poolMax: 1,
      statementTimeoutMs: 1_500,
      lockTimeoutMs: 100,
      connectTimeoutMs: 500,
    });
    await expect(sql`select pg_sleep(30)`.execute(database.read)).rejects.toEqual(unavailable(/too long/));

    await admin.query("begin; lock table server_setting in access exclusive mode");
    await expect(put(database, "x")).rejects.toEqual(unavailable(/busy: another change holds/));
    await admin.query("rollback");

    const slow = sql`select pg_sleep(1.2)`.execute(database.read);
    await expect(readSetting(database.read, "x")).rejects.toEqual(unavailable(/All connections.*busy/));
    await slow;
    // What may take long has connections of its own, without these limits.
    await sql`select pg_sleep(2)`.execute(database.unhurried);
  });

  test("more connections than the server gives, a database that takes no changes, one that is gone", async () => {
    const database = await start({ poolMax: 4 });
    const name = new URL(url).pathname.slice(1);
    await admin.query(`alter database ${name} set default_transaction_read_only = on`);
    await terminate();
    await expect(put(database, "x")).rejects.toEqual(unavailable(/takes no changes/));
    // A new connection after that: the server may have changed roles.
    await admin.query(`alter database ${name} reset default_transaction_read_only`);
    await put(database, "x");

    // The limit is not for superusers.
    await admin.query("create role guest login in role portcullis");
    const owned = url;
    url = url.replace("portcullis@", "guest@");
    const guest = await start();
    await admin.query(`alter database ${name} connection limit 0`);
    await terminate();
    await expect(readSetting(guest.read, "x")).rejects.toEqual(unavailable(/takes no more connections/));
    await guest.close();
    open.pop();
    url = owned;
    await admin.query("drop role guest");
    await expect(openDatabase("postgres://x@127.0.0.1:1/x")).rejects.toThrow(
      /ECONNREFUSED|cannot be reached/,
    );
  });

  test("transactions that cannot be put in an order are tried again until each has gone through", async () => {
    const database = await start({ poolMax: 8 });
    await put(database, "a");
    await put(database, "b");
    let attempts = 0;
    /** Takes the two rows in either order: two that run at once meet in a deadlock. */
    const both = (first: string, second: string) =>
      database.write(async (tx) => {
        attempts++;
        for (const key of [first, second]) {
          await sql`update server_setting set value = (value::int + 1)::text where key = ${key}`.execute(tx);
          await sql`select pg_sleep(0.02)`.execute(tx);
        }
      });
    await admin.query(`alter database ${new URL(url).pathname.slice(1)} set deadlock_timeout = '20ms'`);
    await terminate();
    await Promise.all([both("a", "b"), both("b", "a"), both("a", "b"), both("b", "a")]);
    expect([await readSetting(database.read, "a"), await readSetting(database.read, "b")]).toEqual([
      "5",
      "5",
    ]);
    expect(attempts).toBeGreaterThan(4);
  });

  test("serialisation failures too; one that never ends is a 503", async () => {
    const database = await start();
    let attempts = 0;
    const work = database.write(async (tx) => {
      attempts++;
      await sql`do $$ begin raise exception 'no' using errcode = '40001'; end $$`.execute(tx);
    });
    await expect(work).rejects.toEqual(unavailable(/after several attempts/));
    expect(attempts).toBe(6);
  });

  test("notices that would not be heard, as behind a transaction pooler: refused at the start, saying what to do", async () => {
    const session = await freshPostgres(POSTGRES as string);
    await expect(openDatabase(url, { session })).rejects.toThrow(
      /does not pass on notices.*own address with --database-session/,
    );
    await start({ session: url });
  });

  test("a key that is taken is no trouble of the database", async () => {
    const database = await start();
    await put(database, "x");
    const error = await put(database, "x").catch((caught: unknown) => caught);
    expect(error).not.toBeInstanceOf(Fault);
    expect(isUniqueViolation(error)).toBe(true);
  });

  const preparedNames = async (database: Database) =>
    (await sql<{ statement: string }>`select statement from pg_prepared_statements`.execute(database.read))
      .rows;

  test("what comes often is prepared, what comes once is not; nothing is when that is switched off", async () => {
    const database = await start({ poolMax: 1 });
    for (let i = 0; i < 5; i++) await readSetting(database.read, "x");
    await database.read.selectFrom("domain").select("id").where("name", "=", "once").execute();
    const statements = (await preparedNames(database)).map(({ statement }) => statement);
    expect(statements.some((text) => text.includes('from "server_setting"'))).toBe(true);
    expect(statements.some((text) => text.includes('from "domain"'))).toBe(false);

    const off = await start({ poolMax: 1, prepare: false });
    for (let i = 0; i < 5; i++) await readSetting(off.read, "x");
    expect(await preparedNames(off)).toEqual([]);
  });

  test("a newer version adds a column while statements are prepared: reads and transactions go on", async () => {
    const database = await start({ poolMax: 2 });
    const all = () => database.read.selectFrom("server_setting").selectAll().execute();
    for (let i = 0; i < 5; i++) await all();
    await admin.query("alter table server_setting add column later text");
    await all();
    const inside = () => database.write((tx) => tx.selectFrom("server_setting").selectAll().execute());
    for (let i = 0; i < 5; i++) await inside();
    await admin.query("alter table server_setting add column later2 text");
    await inside();
  });

  test("a connection never holds endless statements, however many texts there are", async () => {
    const database = await start({ poolMax: 1 });
    for (let i = 0; i < 1_000; i++)
      for (let times = 0; times < 4; times++) await sql.raw(`select ${i}`).execute(database.read);
    expect((await preparedNames(database)).length).toBeLessThan(801);
  });
});

/** Passes everything on, but, once armed, cuts the connection instead of passing the answer to a commit. */
async function cutAtCommit(url: string) {
  const target = new URL(url);
  const port = Number(target.port);
  let armed = false;
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect(port, target.hostname);
    let committing = false;
    for (const socket of [client, upstream]) sockets.add(socket.on("error", () => undefined));
    client.on("data", (data) => {
      committing = armed && data.includes("commit");
      upstream.write(data);
    });
    upstream.on("data", (data) => {
      if (committing) client.destroy();
      else client.write(data);
    });
    client.on("close", () => upstream.destroy());
    upstream.on("close", () => client.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  target.port = String((server.address() as { port: number }).port);
  return {
    url: target.href,
    arm: () => void (armed = true),
    disarm: () => void (armed = false),
    close() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

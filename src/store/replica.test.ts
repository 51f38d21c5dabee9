// Reads that may be old, asked of a real streaming standby; of the primary when the standby is gone.
import { sql } from "kysely";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { freshPostgres } from "../../test/databases.ts";
import { findPostgres, type Postgres, startPostgres } from "../../test/postgres.ts";
import { type Database, openDatabase } from "./database.ts";
import { readSetting, settingOnce } from "./settings.ts";

describe.skipIf(findPostgres() === undefined)(
  "a database with a replica (skipped without PostgreSQL)",
  () => {
    let primary: Postgres;
    let standby: Postgres;
    let database: Database;
    beforeAll(async () => {
      primary = (await startPostgres()) as Postgres;
      const url = await freshPostgres(primary.url);
      standby = await primary.startStandby();
      database = await openDatabase(url, { replica: `${standby.url}${new URL(url).pathname}` });
    });
    afterAll(async () => {
      await database.close();
      await standby.stop();
      await primary.stop();
    });
    const port = ({ url }: Postgres): number => Number(new URL(url).port);
    const asked = async (on: "read" | "lagging"): Promise<number> => {
      const { rows } = await sql<{ port: number }>`select inet_server_port() as port`.execute(database[on]);
      return rows[0]?.port as number;
    };

    test("is asked only what may be old, and shows what was written a little later", async () => {
      expect(await asked("read")).toBe(port(primary));
      expect(await asked("lagging")).toBe(port(standby));
      await settingOnce(database, "key", () => "value");
      let seen: string | undefined;
      for (let tries = 0; seen === undefined && tries < 200; tries++) {
        seen = await readSetting(database.lagging, "key");
        await new Promise((resolve) => setTimeout(resolve, 25));
      }
      expect(seen).toBe("value");
    });

    test("that stops is replaced by the primary within the same question, and is used again later", async () => {
      await asked("lagging"); // so that a connection of the pool is about to break
      await standby.halt("fast");
      expect(await asked("lagging")).toBe(port(primary));
      await settingOnce(database, "other", () => "value");
      expect(await readSetting(database.lagging, "other")).toBe("value");
      await standby.resume();
      let where = port(primary);
      for (let tries = 0; where !== port(standby) && tries < 100; tries++) {
        await new Promise((resolve) => setTimeout(resolve, 100));
        where = await asked("lagging");
      }
      expect(where).toBe(port(standby));
    });
  },
);

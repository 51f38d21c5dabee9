// A lease has one holder at a time, by the database's clock, and runs out when its holder is gone.
import { expect, test } from "vitest";
import { onEveryDatabase } from "../../test/databases.ts";
import { acquireLease, databaseNow, holdLease, releaseLease, renewLease } from "./leases.ts";

onEveryDatabase("a lease", (open) => {
  test("many who ask at once: one has it; it prolongs its own; after its release another may", async () => {
    const database = await open();
    const asked = await Promise.all(
      Array.from({ length: 8 }, (_, i) => acquireLease(database, "work", 60_000, `o${i}`)),
    );
    expect(asked.filter(Boolean)).toHaveLength(1);
    const holder = `o${asked.indexOf(true)}`;
    expect(await acquireLease(database, "work", 60_000, holder)).toBe(true);
    expect(await renewLease(database, "work", 60_000, holder)).toBe(true);
    expect(await renewLease(database, "work", 60_000, "another")).toBe(false);
    await releaseLease(database, "work", "another");
    expect(await acquireLease(database, "work", 60_000, "another")).toBe(false);
    await releaseLease(database, "work", holder);
    expect(await acquireLease(database, "work", 60_000, "another")).toBe(true);
    await database.close();
  });

  test("one that ran out is another's, and its old holder cannot renew it", async () => {
    const database = await open();
    await acquireLease(database, "work", 60_000, "dead");
    const now = databaseNow(database);
    await database.read.updateTable("lease").set({ expires_at: now }).execute();
    expect(await renewLease(database, "work", 60_000, "dead")).toBe(false);
    expect(await acquireLease(database, "work", 60_000, "next")).toBe(true);
    await database.close();
  });

  test("a held one is waited for, and tells its holder when it is lost", async () => {
    const database = await open();
    const held = await holdLease(database, "work", { ttlMs: 200 });
    expect(await holdLease(database, "work")).toBeUndefined();
    await database.read.updateTable("lease").set({ owner: "thief" }).execute();
    await new Promise((resolve) => held?.lost.addEventListener("abort", resolve));
    await held?.release();
    await database.read.deleteFrom("lease").execute();

    const first = await holdLease(database, "work");
    const second = holdLease(database, "work", { waitMs: 20_000 });
    await first?.release();
    expect((await second)?.lost.aborted).toBe(false);
    await database.close();
  });
});

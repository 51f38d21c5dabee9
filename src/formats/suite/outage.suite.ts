// While the public registry is down: what is retained works, the rest says which connection is in the way.
import { afterAll, beforeAll, expect, test } from "vitest";
import type { FormatDriver } from "../format.suite.ts";
import { openWorld, type World } from "./world.suite.ts";

const OUTSIDE = { content: "from outside" };

export function outageTests<U>(driver: FormatDriver<U>): void {
  const [v1 = "", v2 = ""] = driver.versions;
  const connection = driver.format.connections[0] ?? "";
  let world: World<U>;
  beforeAll(async () => {
    world = await openWorld(driver);
  });
  afterAll(() => world.close());

  test("4.5.4, decision 0003: what is retained downloads and is listed; what is not is a 502 to 504 that names the connection", async () => {
    const retained = await world.scene();
    const unheard = await world.scene();
    await retained.publicly(v1);
    await retained.publicly(v2);
    await unheard.publicly(v1);
    expect((await retained.install(v1, OUTSIDE)).status).toBe(200);
    world.P.fall();
    for (const repository of [retained.R, retained.U])
      expect((await retained.install(v1, { ...OUTSIDE, repository })).status).toBe(200);
    expect(await retained.versions()).toContain(v1);
    const at = await unheard.client();
    for (const { what, path, headers = {} } of driver.listings(unheard.key)) {
      const answer = await at.send(path, { headers });
      expect(answer.status, what).toBeGreaterThanOrEqual(502);
      expect(answer.status, what).toBeLessThanOrEqual(504);
      expect(await answer.text(), what).toContain(connection);
    }
    const file = await unheard.install(v1, OUTSIDE);
    expect(file.status).toBeGreaterThanOrEqual(502);
    expect(file.text).toContain(connection);
  });

  test("2.5.4, decision 0003: while it cannot be known whether P has a number, a publish that must know is refused; one that need not is taken", async () => {
    const { publish, put, held } = await world.scene();
    world.P.fall();
    await put("ALLOW", "ALLOW");
    const refused = await publish(v1);
    expect(refused.status).toBeGreaterThanOrEqual(502);
    expect(await refused.text()).toMatch(new RegExp(`${connection}[\\s\\S]*PutPackageOriginConfiguration`));
    expect(await held()).toEqual({});
    await put("ALLOW", "BLOCK");
    expect((await publish(v1)).ok).toBe(true);
  });
}

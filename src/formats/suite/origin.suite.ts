// The matrix of spec 2.8 over the format's own HTTP: repository R behind U, and P, the public registry that U is connected to.
import { expect, test } from "vitest";
import { DOMAIN } from "../../../test/server.ts";
import type { FormatDriver } from "../format.suite.ts";
import { expectRefusal, type Scene, told, type World } from "./world.suite.ts";

const OUTSIDE = { content: "from outside" };

export function originTests<U>(driver: FormatDriver<U>, world: () => World<U>): void {
  const [v1 = "", v2 = "", v3 = ""] = driver.versions;
  const withPublic = test.skipIf(driver.publicFiles === undefined);
  const withUpstreams = test.skipIf(driver.staysHere === true);

  test("#1: a publish of a name nobody has is accepted, and closes the upstream side", async () => {
    const { publish, settings } = await world().scene();
    expect((await publish(v1)).ok).toBe(true);
    expect(await settings()).toBe("ALLOW/BLOCK");
  });

  withPublic(
    "#2: a stranger's version of my name is never seen, and its file is 404 with the rule",
    async () => {
      const { publish, publicly, versions, install, R } = await world().scene();
      await publish(v1);
      await publicly(v3);
      expect(await versions()).toEqual([v1]);
      expectRefusal(await install(v3, OUTSIDE), { status: 404, rule: /upstream=BLOCK/, repository: R });
    },
  );

  withPublic("#3: an install keeps the version in U and R and closes publishing in both", async () => {
    const { publish, publicly, install, settings, held, U, R } = await world().scene();
    await publicly(v1);
    expect((await install(v1, OUTSIDE)).status).toBe(200);
    for (const repository of [U, R]) {
      expect(await settings(repository)).toBe("BLOCK/ALLOW");
      expect(await held(repository)).toEqual({ [v1]: "Published" });
      expectRefusal(await told(await publish(v2, { repository })), {
        status: 403,
        rule: /publish=BLOCK/,
        repository,
      });
    }
  });

  withPublic(
    "#4: ALLOW/ALLOW: a number that P has is a 409, another is accepted, and both are listed",
    async () => {
      const { publish, publicly, put, versions } = await world().scene();
      await publicly(v1);
      await put("ALLOW", "ALLOW");
      expect((await publish(v1)).status).toBe(409);
      expect((await publish(v2)).ok).toBe(true);
      expect(await versions()).toEqual([v1, v2].sort());
    },
  );

  withPublic("#5: ALLOW/BLOCK: a number that P has is accepted, and mine is what is served", async () => {
    const { publish, publicly, put, install } = await world().scene();
    await publicly(v1);
    await put("ALLOW", "BLOCK");
    expect((await publish(v1)).ok).toBe(true);
    expect((await install(v1)).status).toBe(200);
  });

  withPublic(
    "#6: EXTERNAL_UPSTREAM=BLOCK: a publish is accepted and leaves ALLOW/ALLOW; P stays invisible",
    async () => {
      const { publish, publicly, group, settings, versions, install, U } = await world().scene();
      await publicly(v2);
      await group({ EXTERNAL_UPSTREAM: "BLOCK" });
      expect((await publish(v1)).ok).toBe(true);
      expect(await settings()).toBe("ALLOW/ALLOW");
      expect(await versions()).toEqual([v1]);
      expectRefusal(await install(v2, OUTSIDE), {
        status: 404,
        rule: /EXTERNAL_UPSTREAM=BLOCK/,
        repository: U,
      });
    },
  );

  test("#7: PUBLISH=BLOCK: a publish is refused by the group, and nothing of it is kept", async () => {
    const { publish, group, settings, R } = await world().scene();
    await group({ PUBLISH: "BLOCK" });
    const before = await world().blobs();
    expectRefusal(await told(await publish(v1, { content: "blocked" })), {
      status: 403,
      rule: /PUBLISH=BLOCK/,
      repository: R,
    });
    expect([await settings(), await world().blobs()]).toEqual([undefined, before]);
  });

  test("#7, by list: PUBLISH=ALLOW_SPECIFIC_REPOSITORIES lets the listed repository publish, and no other", async () => {
    const { publish, group, R, U } = await world().scene();
    await group({ PUBLISH: "ALLOW_SPECIFIC_REPOSITORIES" }, { PUBLISH: [R] });
    expect((await publish(v1)).ok).toBe(true);
    const refused = await told(await publish(v2, { repository: U }));
    expectRefusal(refused, { status: 403, rule: /PUBLISH=ALLOW_SPECIFIC_REPOSITORIES/, repository: U });
  });

  withPublic(
    "#8: SPECIFIC[U] and SPECIFIC[R]: an install through R works, through another it is 404",
    async () => {
      const { publicly, group, put, install, versions, repository, U, R } = await world().scene();
      const R2 = `${R}-second`;
      await repository(R2, [U]);
      await publicly(v1);
      await group(
        {
          EXTERNAL_UPSTREAM: "ALLOW_SPECIFIC_REPOSITORIES",
          INTERNAL_UPSTREAM: "ALLOW_SPECIFIC_REPOSITORIES",
        },
        { EXTERNAL_UPSTREAM: [U], INTERNAL_UPSTREAM: [R] },
      );
      await put("ALLOW", "ALLOW");
      expect((await install(v1, OUTSIDE)).status).toBe(200);
      expect(await versions(R2)).toEqual([]);
      expectRefusal(await install(v1, { ...OUTSIDE, repository: R2 }), {
        status: 404,
        rule: /INTERNAL_UPSTREAM=ALLOW_SPECIFIC_REPOSITORIES/,
        repository: R2,
      });
    },
  );

  test("#9: BLOCK/ALLOW: a publish is refused by the package's own setting", async () => {
    const { publish, put, versions, R } = await world().scene();
    await put("BLOCK", "ALLOW");
    expectRefusal(await told(await publish(v1)), {
      status: 403,
      rule: /package setting publish=BLOCK/,
      repository: R,
    });
    expect(await versions()).toEqual([]);
  });

  withUpstreams(
    "#10: INTERNAL_UPSTREAM=BLOCK: what only U has is 404, what R holds is still served",
    async () => {
      const { publish, group, install, versions, U, R } = await world().scene();
      await publish(v1, { repository: U });
      expect((await install(v1)).status).toBe(200);
      await publish(v2, { repository: U });
      await group({ INTERNAL_UPSTREAM: "BLOCK" });
      expect(await versions()).toEqual([v1]);
      expect((await install(v1)).status).toBe(200);
      expectRefusal(await install(v2), { status: 404, rule: /INTERNAL_UPSTREAM=BLOCK/, repository: R });
    },
  );

  test("#11: a name that only looks like a guarded one is refused for publish and install, whatever the group allows", async () => {
    const { publish, publicly, install, versions, group, key, R } = await world().scene();
    const guarded = driver.key(key.name.replace("m", "rn"));
    await world().server.client.createPackageGroup({
      domain: DOMAIN,
      packageGroup: `/${guarded.format}/${guarded.namespace}/${guarded.name}$`,
    });
    expectRefusal(await told(await publish(v1)), { status: 403, rule: /weak association/, repository: R });
    if (driver.publicFiles !== undefined) {
      await publicly(v1);
      expect(await versions()).toEqual([]);
      expectRefusal(await install(v1, OUTSIDE), { status: 404, rule: /weak association/, repository: R });
    }
    await group({});
    expect((await publish(v2)).ok, "a group of its very own frees it").toBe(true);
  });

  test("#12: settings on an absent package hold before it exists: nothing enters, DescribePackage works, zero versions", async () => {
    const { publish, publicly, put, install, versions, settings, held, R } = await world().scene();
    if (driver.publicFiles !== undefined) await publicly(v1);
    await put("BLOCK", "BLOCK");
    expect((await publish(v2)).status).toBe(403);
    expect([await versions(), await settings(), await held()]).toEqual([[], "BLOCK/BLOCK", {}]);
    const refused = await install(v1, OUTSIDE);
    expect(refused.status).toBe(404);
    if (driver.publicFiles !== undefined)
      expectRefusal(refused, { status: 404, rule: /upstream=BLOCK/, repository: R });
  });

  withPublic("#13: a retained version stays when upstream turns BLOCK, a new one does not come", async () => {
    const { publicly, put, install, versions, R } = await world().scene();
    await publicly(v1);
    await install(v1, OUTSIDE);
    await publicly(v2);
    expect(await versions()).toEqual([v1, v2].sort());
    await put("BLOCK", "BLOCK");
    expect(await versions()).toEqual([v1]);
    expect((await install(v1, OUTSIDE)).status).toBe(200);
    expectRefusal(await install(v2, OUTSIDE), { status: 404, rule: /upstream=BLOCK/, repository: R });
  });

  test("#14: deleting every version leaves the settings; DeletePackage forgets them", async () => {
    const { publish, put, settings, api } = await world().scene();
    const { client } = world().server;
    await publish(v1);
    await put("ALLOW", "ALLOW");
    await client.deletePackageVersions({ ...api(), versions: [v1] });
    expect(await settings()).toBe("ALLOW/ALLOW");
    expect((await publish(v1, { content: "again" })).ok).toBe(true);
    expect(await settings()).toBe("ALLOW/ALLOW");
    await client.deletePackage(api());
    expect(await settings()).toBeUndefined();
    await publish(v1);
    expect(await settings()).toBe("ALLOW/BLOCK");
  });

  withUpstreams(
    "2.5.1: a number that U holds is a 409 while upstream is ALLOW, and accepted under BLOCK",
    async () => {
      const { publish, put, U } = await world().scene();
      await publish(v1, { repository: U });
      await put("ALLOW", "ALLOW");
      expect((await publish(v1, { content: "mine" })).status).toBe(409);
      await put("ALLOW", "BLOCK");
      expect((await publish(v1, { content: "mine" })).ok).toBe(true);
    },
  );

  withPublic("2.4: a name that may not come in is not asked for outside, on any route", async () => {
    const { publicly, publish, put, versions, install, U } = await world().scene();
    await publicly(v1);
    await put("ALLOW", "BLOCK");
    await put("ALLOW", "BLOCK", U);
    const before = world().P.requests().length;
    for (const repository of [undefined, U]) {
      expect(await versions(repository)).toEqual([]);
      expect(
        (await install(v1, repository === undefined ? OUTSIDE : { ...OUTSIDE, repository })).status,
      ).toBe(404);
    }
    await publish(v2);
    expect(world().P.requests().slice(before)).toEqual([]);
  });

  test.skipIf(driver.staysHere !== true)(
    "4.6.3: never from upstream repositories, on any route, whatever the settings",
    async () => {
      const scene = await world().scene();
      const { publish, versions, install, put, U } = scene;
      await publish(v1, { repository: U });
      for (const upstream of ["ALLOW", "BLOCK"] as const) {
        await put("ALLOW", upstream);
        expect(await versions()).toEqual([]);
        expect(await documents(scene, v1)).toEqual(new Set([404]));
        expect((await install(v1)).status).toBe(404);
      }
      await put("ALLOW", "ALLOW");
      expect((await publish(v1, { content: "mine" })).ok, "2.1.6: nor does it collide").toBe(true);
      expect((await install(v1, { content: "mine" })).status).toBe(200);
      expect((await install(v1, { repository: U })).status).toBe(200);
    },
  );

  async function documents(scene: Scene<U>, version: string): Promise<ReadonlySet<number>> {
    const at = await scene.client();
    const statuses = new Set<number>();
    for (const { path } of driver.documents?.(await scene.build(version)) ?? [{ path: "nothing/at/all" }])
      statuses.add((await at.send(path)).status);
    return statuses;
  }
}

// Who may: no token 401, a token without the permission 403, tokens for less only what they are for; on every route.
import { expect, test } from "vitest";
import { ACCOUNT, DOMAIN } from "../../../test/server.ts";
import { scopePath } from "../../core/token-scope.ts";
import type { FormatDriver } from "../format.suite.ts";
import type { Scene, World } from "./world.suite.ts";

export function permissionTests<U>(driver: FormatDriver<U>, world: () => World<U>): void {
  const [v1 = "", v2 = ""] = driver.versions;

  /** The statuses of every reading route, each once. */
  async function readStatuses(scene: Scene<U>, token: string | null | undefined): Promise<number[]> {
    const at = await scene.client(scene.R, token);
    const of = await scene.build(v1);
    const routes = [
      ...driver.listings(scene.key).map(({ path, headers = {} }) => ({ path, headers })),
      ...driver.files(of).map(({ path }) => ({ path, headers: {} })),
      ...(driver.documents?.(of) ?? []).map(({ path }) => ({ path, headers: {} })),
    ];
    const statuses = new Set<number>();
    for (const { path, headers } of routes)
      for (const method of ["GET", "HEAD"]) statuses.add((await at.send(path, { method, headers })).status);
    return [...statuses];
  }

  test("6.1.6: without a token every route is a 401 that asks for one, and nothing is published", async () => {
    const scene = await world().scene();
    await scene.publish(v1);
    expect(await readStatuses(scene, null)).toEqual([401]);
    expect(await readStatuses(scene, "made-up")).toEqual([401]);
    const refused = await scene.publish(v2, { token: null });
    expect([refused.status, refused.headers.get("www-authenticate")]).toEqual([
      401,
      expect.stringContaining("Basic"),
    ]);
    expect(await scene.held()).toEqual({ [v1]: "Published" });
  });

  test("6.1.5: Bearer, Basic with any user name, and the bare token are all taken", async () => {
    const scene = await world().scene();
    await scene.publish(v1);
    const token = await world().server.token();
    const at = await scene.client(scene.R, null);
    const [{ path } = { path: "" }] = driver.files(await scene.build(v1));
    for (const authorization of [
      `Bearer ${token}`,
      `Basic ${btoa(`aws:${token}`)}`,
      `Basic ${btoa(`any:${token}`)}`,
      token,
    ])
      expect((await at.send(path, { headers: { authorization } })).status).toBe(200);
  });

  test("6.3.2: without ReadFromRepository every read is a 403 that names it; publishing is another matter", async () => {
    const scene = await world().scene();
    await scene.publish(v1);
    await deny(scene, "ReadFromRepository");
    expect(await readStatuses(scene, undefined)).toEqual([403]);
    expect((await scene.install(v1)).text).toContain("ReadFromRepository");
  });

  test("6.3.2: without PublishPackageVersion a publish is a 403 that names it, nothing is kept, and reads go on", async () => {
    const scene = await world().scene();
    await scene.publish(v1);
    await deny(scene, "PublishPackageVersion");
    const before = await world().blobs();
    const refused = await scene.publish(v2, { content: "not for you" });
    expect([refused.status, await refused.text()]).toEqual([
      403,
      expect.stringContaining("PublishPackageVersion"),
    ]);
    expect(await world().blobs()).toEqual(before);
    expect(await readStatuses(scene, undefined)).toEqual([200]);
  });

  test("issue 3, 5: a token that only reads does not publish", async () => {
    const scene = await world().scene();
    await scene.publish(v1);
    const token = await world().scopedToken({ actions: ["read"] });
    expect(await readStatuses(scene, token)).toEqual([200]);
    expect((await scene.publish(v2, { token })).status).toBe(403);
  });

  test("issue 3, 5: a token for some packages, or another repository, is a 403 elsewhere", async () => {
    const mine = await world().scene();
    const others = await world().scene();
    const token = await world().scopedToken({ packages: [scopePath(mine.key)] });
    expect((await mine.publish(v1, { token })).ok).toBe(true);
    expect(await readStatuses(mine, token)).toEqual([200]);
    await others.publish(v1);
    expect(await readStatuses(others, undefined), "asked by one who may, and remembered").toEqual([200]);
    expect(await readStatuses(others, token)).toEqual([403]);
    expect((await others.publish(v2, { token })).status).toBe(403);
    const elsewhere = await world().scopedToken({ repository: mine.R });
    expect(await readStatuses(mine, elsewhere)).toEqual([200]);
    expect(await readStatuses(others, elsewhere)).toEqual([403]);
  });

  test("a repository that is not there is a 404, and of another domain's token a 403", async () => {
    const scene = await world().scene();
    expect((await scene.install(v1, { repository: "nowhere" })).status).toBe(404);
    const foreign = await world().server.token("other-domain");
    expect(await readStatuses(scene, foreign)).toEqual([403]);
  });

  /** An explicit deny wins over every allow (spec 6.2.3). */
  async function deny({ R }: Scene<U>, action: string): Promise<void> {
    await world().server.client.putRepositoryPermissionsPolicy({
      domain: DOMAIN,
      repository: R,
      policyDocument: JSON.stringify({
        Version: "2012-10-17",
        Statement: [
          {
            Effect: "Deny",
            Principal: { AWS: `arn:aws:iam::${ACCOUNT}:user/administrator` },
            Action: `codeartifact:${action}`,
            Resource: "*",
          },
        ],
      }),
    });
  }
}

// Names that differ only by case or separator, on both databases.
import { afterEach, beforeEach, expect, test } from "vitest";
import { ACCOUNT, openApi, type TestApi } from "../../test/api.ts";
import { onEveryDatabase } from "../../test/databases.ts";
import type { PackageKey } from "../core/coordinates.ts";

const key = (name: string, namespace = "ns"): PackageKey => ({ format: "generic", namespace, name });

onEveryDatabase("spellings of a name", (open) => {
  let api: TestApi;
  const policies = [{ Statement: [{ Effect: "Allow" as const, Action: "*", Resource: "*" }] }];
  const arn = `arn:aws:iam::${ACCOUNT}:user/reader`;
  const caller = { account: ACCOUNT, arn, name: "reader", credential: "test", policies };

  beforeEach(async () => {
    api = await openApi(await open());
    await api.client.createDomain({ domain: "d1" });
    for (const repository of ["r1", "r2"]) await api.client.createRepository({ domain: "d1", repository });
  });
  afterEach(() => api.close());

  test("case and - for _ are one name, other separators and other namespaces are not", async () => {
    for (const name of ["Foo-Bar", "foo_bar", "foo.bar", "foobar", "foo--bar"])
      await api.publish("r1", key(name), "1.0.0", name);
    await api.publish("r1", key("FOO-BAR", "other"), "1.0.0", "x");
    await api.publish("r2", key("fOO-bar"), "1.0.0", "x");
    const repository = await api.registry.repository("d1", ACCOUNT, "r1", caller);
    const found = await api.registry.spellings(repository, key("FOO-bar"));
    expect(found.map(({ name }) => name).sort()).toEqual(["Foo-Bar", "foo_bar"]);
    expect(await api.registry.spellings(repository, key("foo%bar"))).toEqual([]);
  });

  test("E: of spellings that arrive at one time, one is held; its next version is no new package", async () => {
    const repository = await api.registry.repository("d1", ACCOUNT, "r1", caller);
    const publish = async (name: string, version: string) => {
      const writer = await api.registry.stageBlob();
      await writer.write(Buffer.from(name));
      const assets = [{ name: "a", writer, staged: await writer.finish() }];
      const texts = { metadata: {}, document: "", brief: "", tags: [], oneSpelling: true as const };
      const context = { caller, requestId: "test" };
      return api.registry.publish(repository, { key: key(name), version, assets, ...texts }, context);
    };
    const names = ["foo-bar", "Foo-Bar", "foo_bar", "FOO_BAR"];
    const outcomes = await Promise.allSettled(names.map((name) => publish(name, "1.0.0")));
    const refused = outcomes.filter(({ status }) => status === "rejected") as PromiseRejectedResult[];
    expect(refused.map(({ reason }) => String(reason))).toEqual(
      Array(3).fill(expect.stringMatching(/only by case/)),
    );
    const [held, ...others] = await api.registry.packageNames(repository, "generic", undefined, 10);
    expect(others).toEqual([]);
    expect(await publish(held?.name ?? "", "2.0.0")).toBe("published");
  });
});

// The matrix of spec 2.8 end to end through pip and twine, with a static index of hand-made wheels as the public registry P.
import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createDomain, type Domain } from "../api.ts";
import { indexUrl, openPlace, type PythonPlace, twine } from "../clients/python-tools.ts";
import { failedSaying, type Result, succeeded } from "../processes.ts";
import { makeWheel, type StaticIndex, startStaticIndex } from "../python-packages.ts";
import type { Stage } from "../suite.ts";
import { type Answer, send } from "../wire.ts";
import { isHidden } from "./origin-world.ts";

/** U holds the connection to P; R and R2 have U as their upstream. */
const [U, R, R2] = ["u-store", "r-team", "r2-team"] as const;
type Repository = typeof U | typeof R | typeof R2;

interface World {
  readonly stage: Stage;
  readonly domain: Domain;
  readonly P: StaticIndex;
  publish(to: Repository, name: string, version: string): Promise<Result>;
  /** With an empty cache, into a new folder. */
  install(from: Repository, spec: string): Promise<Result>;
  listed(from: Repository, name: string): Promise<readonly string[]>;
  file(from: Repository, name: string, version: string): Promise<Answer>;
}

export async function pythonOrigin(stage: Stage): Promise<void> {
  const P = await startStaticIndex();
  try {
    const world = await build(stage, P);
    await firstArrivals(world);
    await reachableVersions(world);
    await refusals(world);
    await blocking(world);
    await groups(world);
  } finally {
    P.close();
  }
}

async function build(stage: Stage, P: StaticIndex): Promise<World> {
  const flags = ["--upstream", `public:pypi=${P.url}`, "--upstream-freshness-ms", "0"];
  const domain = await createDomain(await stage.server("server", { flags }), "pypi");
  await domain.createRepository({ name: U, connection: "public:pypi" });
  for (const name of [R, R2]) await domain.createRepository({ name, upstreams: [U] });
  const places = new Map<Repository, PythonPlace>();
  for (const name of [U, R, R2])
    places.set(name, await openPlace(join(stage.folder, name), await domain.registry(name)));
  const at = (name: Repository) => places.get(name) as PythonPlace;
  let count = 0;
  const get = (from: Repository, path: string) => {
    const { url, token } = at(from).registry;
    const headers = { accept: "application/vnd.pypi.simple.v1+json", authorization: `Bearer ${token}` };
    return send(`${url}simple/${path}`, { headers });
  };
  return {
    stage,
    domain,
    P,
    publish(to, name, version) {
      const folder = join(at(to).folder, `upload-${count++}`);
      const wheel = makeWheel(name, version, `from ${to}`);
      mkdirSync(join(folder, "dist"), { recursive: true });
      writeFileSync(join(folder, "dist", wheel.filename), wheel.bytes);
      return twine.publish(at(to), folder);
    },
    install(from, spec) {
      const place = at(from);
      const target = ["--target", join(place.folder, `installed-${count++}`), "--no-cache-dir"];
      const pip = ["python3", "-m", "pip", "install", "--index-url", indexUrl(place), ...target, spec];
      return place.run(place.folder, pip);
    },
    async listed(from, name) {
      const { status, text } = await get(from, `${name}/`);
      if (status === 404) return [];
      assert.equal(status, 200, text);
      return (JSON.parse(text) as { versions: string[] }).versions;
    },
    file: (from, name, version) => get(from, `${name}/${version}/${makeWheel(name, version).filename}`),
  };
}

/** What pip says of a version that it is not shown. */
const absent = /No matching distribution found/;

async function firstArrivals({ stage, domain, P, publish, install, listed, file }: World): Promise<void> {
  const { checks } = stage;
  await checks.check("row 1: what is published first is ours: ALLOW/BLOCK", async () => {
    succeeded(await publish(R, "row-one", "1.0"));
    assert.equal(await domain.settings(R, "row-one"), "ALLOW/BLOCK");
    assert.equal(await domain.settings(U, "row-one"), undefined);
  });
  await checks.check("row 2: an outside version of our package stays invisible on every route", async () => {
    P.publish("row-one", "9.9");
    assert.deepEqual(await listed(R, "row-one"), ["1.0"]);
    failedSaying(await install(R, "row-one==9.9"), absent);
    await isHidden(await file(R, "row-one", "9.9"), /upstream=BLOCK/);
    assert.match(succeeded(await install(R, "Row.One")).output, /row.one-1\.0/);
    assert.deepEqual(await listed(R2, "row-one"), ["9.9"]);
  });
  await checks.check(
    "row 3: what is installed first from outside is theirs: BLOCK/ALLOW in U and in R",
    async () => {
      P.publish("row-three", "1.0");
      assert.deepEqual(await listed(R, "row-three"), ["1.0"]);
      assert.equal(await domain.settings(R, "row-three"), undefined, "looking lets nothing in");
      succeeded(await install(R, "row-three==1.0"));
      for (const name of [U, R]) {
        assert.equal(await domain.settings(name, "row-three"), "BLOCK/ALLOW", name);
        assert.deepEqual(await domain.versions(name, "row-three"), ["1.0"], name);
        failedSaying(
          await publish(name, "row-three", "2.0"),
          /403/,
          /publish=BLOCK/,
          new RegExp(`'${name}'`),
          /PutPackageOriginConfiguration/,
        );
      }
      assert.equal(await domain.settings(R2, "row-three"), undefined);
    },
  );
}

async function reachableVersions({ stage, domain, P, publish, install, listed }: World): Promise<void> {
  const { checks } = stage;
  await checks.check(
    "row 4: ALLOW/ALLOW refuses a version that P has with 409, and takes another",
    async () => {
      P.publish("row-four", "1.0");
      await domain.origin(R, "row-four", "ALLOW", "ALLOW");
      failedSaying(await publish(R, "row-four", "1.0"), /409/, /reachable/);
      failedSaying(await publish(R, "row-four", "1.0.0"), /409/, /reachable/);
      succeeded(await publish(R, "row-four", "1.1"));
      assert.deepEqual(await listed(R, "row-four"), ["1.0", "1.1"]);
    },
  );
  await checks.check("row 5: ALLOW/BLOCK takes a version that P has", async () => {
    P.publish("row-five", "1.0");
    await domain.origin(R, "row-five", "ALLOW", "BLOCK");
    succeeded(await publish(R, "row-five", "1.0"));
    assert.deepEqual(await listed(R, "row-five"), ["1.0"]);
  });
  await checks.check(
    "row 8: lists let P in through U and into R; R2 is not on one and gets 404",
    async () => {
      P.publish("row-eight", "1.0");
      await domain.origin(R, "row-eight", "ALLOW", "ALLOW");
      const specific = "ALLOW_SPECIFIC_REPOSITORIES";
      await domain.group(
        "row-eight",
        { EXTERNAL_UPSTREAM: specific, INTERNAL_UPSTREAM: specific },
        { EXTERNAL_UPSTREAM: U, INTERNAL_UPSTREAM: R },
      );
      succeeded(await install(R, "row-eight==1.0"));
      failedSaying(await install(R2, "row-eight==1.0"), absent);
      assert.deepEqual(await domain.versions(R2, "row-eight"), []);
    },
  );
}

async function refusals({ stage, domain, P, publish, install, listed, file }: World): Promise<void> {
  const { checks } = stage;
  await checks.check("row 9: publish=BLOCK refuses a publish, naming the rule", async () => {
    await domain.origin(R, "row-nine", "BLOCK", "ALLOW");
    failedSaying(
      await publish(R, "row-nine", "1.0"),
      /403/,
      /publish=BLOCK/,
      /PutPackageOriginConfiguration/,
    );
    assert.deepEqual(await domain.versions(R, "row-nine"), []);
  });
  await checks.check(
    "row 12: BLOCK/BLOCK on an absent package lets nothing in, and the record stands",
    async () => {
      P.publish("row-twelve", "1.0");
      await domain.origin(R, "row-twelve", "BLOCK", "BLOCK");
      failedSaying(await publish(R, "row-twelve", "2.0"), /403/, /publish=BLOCK/);
      failedSaying(await install(R, "row-twelve"), absent);
      await isHidden(await file(R, "row-twelve", "1.0"), /upstream=BLOCK/);
      assert.deepEqual(await listed(R, "row-twelve"), []);
      assert.equal(await domain.settings(R, "row-twelve"), "BLOCK/BLOCK");
    },
  );
}

async function blocking({ stage, domain, P, publish, install, listed, file }: World): Promise<void> {
  const { checks } = stage;
  await checks.check(
    "row 10: INTERNAL_UPSTREAM=BLOCK hides what only U holds, and keeps what R has",
    async () => {
      succeeded(await publish(U, "row-ten", "1.0"));
      await domain.origin(R, "row-ten", "ALLOW", "ALLOW");
      succeeded(await install(R, "row-ten==1.0"));
      succeeded(await publish(U, "row-ten", "2.0"));
      assert.deepEqual(await listed(R, "row-ten"), ["1.0", "2.0"]);
      await domain.group("row-ten", { INTERNAL_UPSTREAM: "BLOCK" });
      assert.deepEqual(await listed(R, "row-ten"), ["1.0"]);
      await isHidden(await file(R, "row-ten", "2.0"), /INTERNAL_UPSTREAM=BLOCK/);
      succeeded(await install(R, "row-ten==1.0"));
      failedSaying(await install(R, "row-ten==2.0"), absent);
    },
  );
  await checks.check("row 13: what is retained outlives upstream=BLOCK, what is not is gone", async () => {
    for (const version of ["1.0", "2.0"]) P.publish("row-thirteen", version);
    succeeded(await install(R, "row-thirteen==1.0"));
    await domain.origin(R, "row-thirteen", "BLOCK", "BLOCK");
    assert.deepEqual(await listed(R, "row-thirteen"), ["1.0"]);
    succeeded(await install(R, "row-thirteen==1.0"));
    failedSaying(await install(R, "row-thirteen==2.0"), absent);
    await isHidden(await file(R, "row-thirteen", "2.0"), /upstream=BLOCK/);
  });
  await checks.check("row 14: settings outlive the deletion of every version", async () => {
    succeeded(await publish(R, "row-fourteen", "1.0"));
    await domain.origin(R, "row-fourteen", "ALLOW", "ALLOW");
    await domain.remove(R, "row-fourteen", ["1.0"]);
    assert.deepEqual(await domain.versions(R, "row-fourteen"), []);
    succeeded(await publish(R, "row-fourteen", "1.0"));
    assert.equal(await domain.settings(R, "row-fourteen"), "ALLOW/ALLOW");
  });
}

async function groups({ stage, domain, P, publish, install, listed, file }: World): Promise<void> {
  const { checks } = stage;
  await checks.check(
    "row 6: a group that blocks P lets us publish, ALLOW/ALLOW, and P stays invisible",
    async () => {
      P.publish("row-six", "9.9");
      await domain.group("row-six", { EXTERNAL_UPSTREAM: "BLOCK" });
      succeeded(await publish(R, "row-six", "1.0"));
      assert.equal(await domain.settings(R, "row-six"), "ALLOW/ALLOW");
      assert.deepEqual(await listed(R, "row-six"), ["1.0"]);
      await isHidden(await file(R, "row-six", "9.9"), /EXTERNAL_UPSTREAM=BLOCK/);
    },
  );
  await checks.check(
    "row 7: a group that blocks publishing refuses, naming itself and the call",
    async () => {
      await domain.group("row-seven", { PUBLISH: "BLOCK" });
      failedSaying(
        await publish(R, "row-seven", "1.0"),
        /403/,
        /PUBLISH=BLOCK/,
        /UpdatePackageGroupOriginConfiguration/,
      );
      assert.equal(await domain.settings(R, "row-seven"), undefined);
    },
  );
  await checks.check("row 11: a look-alike of a guarded name is neither published nor taken in", async () => {
    await domain.group("row-eleven", { PUBLISH: "ALLOW" });
    succeeded(await publish(R, "row-eleven", "1.0"));
    // Other separators are the same name in Python; other letters that look alike are not.
    const name = "row-e1even";
    P.publish(name, "1.0");
    failedSaying(await publish(R, name, "2.0"), /403/, /weak association/);
    failedSaying(await install(R, name), absent);
    await isHidden(await file(R, name, "1.0"), /weak association/);
    assert.equal(await domain.settings(U, name), undefined);
  });
}

// Generic packages with curl and the AWS CLI: uploads and downloads as people do them, refusals, and the rows of spec 2.8 that a format without upstreams has.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { Skip } from "../checks.ts";
import { failedSaying, type Result, run, succeeded } from "../processes.ts";
import type { Stage } from "../suite.ts";
import {
  awsPublish,
  build,
  coordinates,
  curlDownloads,
  curlPublish,
  needCurl,
  R,
  U,
  type Version,
  type World,
} from "./generic-world.ts";

export async function genericClients(stage: Stage): Promise<void> {
  const target = await stage.target();
  const world = await build(stage, target);
  await needCurl(world);
  await awsCli(world);
  await curl(world);
  await refusals(world);
  await matrix(world);
  await large(world, "pid" in target ? (target.pid as number | undefined) : undefined);
}

const version = (name: string, number = "1.0", repository = R): Version => ({
  repository,
  name,
  version: number,
});

async function awsCli(world: World): Promise<void> {
  const { checks } = world.stage;
  const of = version("compiler");
  await checks.check(
    "aws: several assets, unfinished and then finished, come back byte by byte",
    async () => {
      world.file("tool.bin", randomBytes(1_000_000));
      world.file("read me.txt", "words\n");
      world.file("empty", "");
      for (const file of ["tool.bin", "empty"])
        assert.equal(
          JSON.parse(succeeded(await awsPublish(world, of, file, "--unfinished")).stdout).status,
          "Unfinished",
        );
      const last = JSON.parse(succeeded(await awsPublish(world, of, "read me.txt")).stdout);
      assert.equal(last.status, "Published");
      assert.equal(last.asset.size, 6);
      for (const file of ["tool.bin", "read me.txt", "empty"]) {
        succeeded(
          await world.aws("get-package-version-asset", ...coordinates(world, of), "--asset", file, "got"),
        );
        assert.ok(world.readFile("got").equals(world.readFile(file)), file);
      }
    },
  );
  await checks.check(
    "aws: the same again is a success; other bytes and a further asset are ConflictException",
    async () => {
      succeeded(await awsPublish(world, of, "tool.bin"));
      world.file("tool.bin", "others");
      failedSaying(await awsPublish(world, of, "tool.bin"), /ConflictException/, /'tool\.bin'/);
      world.file("late", "late");
      failedSaying(await awsPublish(world, of, "late"), /ConflictException/, /no further assets/);
    },
  );
  await checks.check("aws: a wrong digest is ValidationException, and nothing is kept", async () => {
    const wrong = ["--asset-name", "late", "--asset-content", "late", "--asset-sha256", "0".repeat(64)];
    const result = await world.aws(
      "publish-package-version",
      ...coordinates(world, version("wrong")),
      ...wrong,
    );
    failedSaying(result, /ValidationException/);
    failedSaying(
      await world.aws("describe-package-version", ...coordinates(world, version("wrong"))),
      /ResourceNotFound/,
    );
  });
}

async function curl(world: World): Promise<void> {
  const { checks, folder } = world.stage;
  const of = version("linker");
  const below = (...parts: string[]) => world.url(R, "build", "linker", ...parts);
  await checks.check("curl: uploads by name and into a folder, and downloads the bytes again", async () => {
    world.file("linker.tar.gz", randomBytes(3_000_000));
    world.file("数 notes (1).txt", "notes\n");
    succeeded(await curlPublish(world, of, "数 notes (1).txt", "?unfinished"));
    succeeded(await world.curl("-T", "linker.tar.gz", `${below("1.0")}/`));
    for (const file of ["linker.tar.gz", "数 notes (1).txt"]) await curlDownloads(world, of, file);
  });
  await checks.check("curl: the list as text is what sha256sum --check reads", async () => {
    const { stdout } = succeeded(await world.curl("-H", "accept: text/plain", below("1.0")));
    world.file("sums", stdout);
    const place = { cwd: join(folder, "work"), env: { ...process.env, LC_ALL: "C.UTF-8" } };
    assert.match(succeeded(await run(["sha256sum", "--check", "sums"], place)).stdout, /linker\.tar\.gz: OK/);
  });
  await checks.check("curl: goes on with a download that broke off, and skips one that it has", async () => {
    const whole = world.readFile("linker.tar.gz");
    world.file("part", whole.subarray(0, 1_000_000));
    succeeded(await world.curl("-C", "-", "-o", "part", below("1.0", "linker.tar.gz")));
    assert.ok(world.readFile("part").equals(whole));
    succeeded(await world.curl("--etag-save", "etag", "-o", "once", below("1.0", "linker.tar.gz")));
    assert.equal(await world.status("--etag-compare", "etag", below("1.0", "linker.tar.gz")), 304);
  });
  await checks.check("curl: HEAD tells size and digest; versions and packages are listed", async () => {
    const { stdout } = succeeded(await world.curl("-I", below("1.0", "linker.tar.gz")));
    assert.match(stdout, /content-length: 3000000\r/i);
    for (const [url, expected] of [
      [below(), /^1\.0\n$/],
      [world.url(R, "build"), /^linker$/m],
      [world.url(R), /^build\/linker$/m],
    ] as const)
      assert.match(succeeded(await world.curl("-H", "accept: text/plain", url)).stdout, expected);
  });
  await checks.check("curl: what the AWS CLI published downloads, and the other way round", async () => {
    succeeded(await world.curl("-o", "from-aws", world.url(R, "build", "compiler", "1.0", "read me.txt")));
    assert.equal(world.readFile("from-aws").toString(), "words\n");
    succeeded(
      await world.aws(
        "get-package-version-asset",
        ...coordinates(world, of),
        "--asset",
        "linker.tar.gz",
        "got",
      ),
    );
    assert.ok(world.readFile("got").equals(world.readFile("linker.tar.gz")));
  });
  await checks.check("curl: a version is deleted, and its number is free", async () => {
    world.file("brief", "brief");
    succeeded(await curlPublish(world, version("brief"), "brief"));
    succeeded(await world.curl("-X", "DELETE", world.url(R, "build", "brief", "1.0")));
    assert.equal(await world.status(world.url(R, "build", "brief", "1.0", "brief")), 404);
    world.file("brief", "another");
    succeeded(await curlPublish(world, version("brief"), "brief"));
  });
}

async function refusals(world: World): Promise<void> {
  const { checks } = world.stage;
  const put = (name: string, ...headers: string[]) =>
    world.curl(
      ...headers.flatMap((header) => ["-H", header]),
      "-T",
      "late",
      world.url(R, "build", name, "1.0", "late"),
    );
  await checks.check("a wrong digest in any header is a 400 that names it, and nothing is kept", async () => {
    for (const [i, header] of [
      `x-amz-content-sha256: ${"0".repeat(64)}`,
      `x-checksum-sha256: ${"0".repeat(64)}`,
      "content-md5: AAAAAAAAAAAAAAAAAAAAAA==",
      `digest: SHA-256=${Buffer.alloc(32).toString("base64")}`,
      `repr-digest: sha-256=:${Buffer.alloc(32).toString("base64")}:`,
    ].entries()) {
      failedSaying(await put(`wrong-${i}`, header), /400/, new RegExp(header.split(":")[0] ?? ""));
      assert.equal(await world.status(world.url(R, "build", `wrong-${i}`)), 404);
    }
  });
  await checks.check("other bytes are a 409, the same a success; no token is a 401", async () => {
    succeeded(await put("again"));
    succeeded(await put("again"));
    world.file("late", "changed");
    failedSaying(await put("again"), /409/, /'late'/);
    const place = { cwd: world.folder, env: process.env };
    const url = world.url(R, "build", "again", "1.0", "late");
    const nobody = await run(
      ["curl", "--disable", "-s", "-o", "/dev/null", "-w", "%{http_code}", url],
      place,
    );
    assert.equal(nobody.stdout, "401");
  });
  await checks.check("a large upload that may not be is refused before its body is sent", async () => {
    await world.domain.origin(R, "closed", "BLOCK", "BLOCK");
    world.file("big", Buffer.alloc(5_000_000));
    const result = await world.curl(
      "-w",
      "%{size_upload}",
      "--expect100-timeout",
      "30",
      "-T",
      "big",
      world.url(R, "build", "closed", "1.0", "big"),
    );
    failedSaying(result, /403/, /publish=BLOCK/, /PutPackageOriginConfiguration/);
    if (world.stage.balanced)
      throw new Skip("refused as it should be; nginx asks for bodies before a node has seen the request");
    assert.match(result.stdout, /\n0$/);
  });
}

/** Rows 1, 7, 9, 11, 12 and 14, by both ways in; and what stands for the others: generic packages come from nowhere else. */
async function matrix(world: World): Promise<void> {
  const { checks } = world.stage;
  world.file("f", "bytes");
  const ways: readonly (readonly [string, (of: Version) => Promise<Result>, RegExp])[] = [
    ["curl", (of) => curlPublish(world, of, "f"), /403/],
    ["aws", (of) => awsPublish(world, of, "f"), /AccessDeniedException/],
  ];
  for (const [client, publish, refused] of ways) {
    const name = (row: string) => `row-${row}-${client}`;
    const refuses = async (of: Version, rule: RegExp) => {
      failedSaying(await publish(of), refused, rule, new RegExp(R));
      await isAbsent(world, of);
    };
    await checks.check(`${client}: row 1: what is published first is ours: ALLOW/BLOCK`, async () => {
      succeeded(await publish(version(name("one"))));
      assert.equal(await world.domain.settings(R, name("one")), "ALLOW/BLOCK");
    });
    await checks.check(`${client}: row 7: a group with PUBLISH=BLOCK refuses`, async () => {
      await world.domain.group(name("seven"), { PUBLISH: "BLOCK" });
      await refuses(version(name("seven")), /PUBLISH=BLOCK/);
    });
    await checks.check(`${client}: row 9: the package's own BLOCK/ALLOW refuses`, async () => {
      await world.domain.origin(R, name("nine"), "BLOCK", "ALLOW");
      await refuses(version(name("nine")), /publish=BLOCK/);
    });
    await checks.check(`${client}: row 11: a look-alike of a guarded name is refused`, async () => {
      await world.domain.group(name("eleven"), { PUBLISH: "ALLOW" });
      await refuses(version(name("eleven").toUpperCase()), /weak association/);
      succeeded(await publish(version(name("eleven"))));
    });
    await checks.check(`${client}: row 12: settings hold before the package exists`, async () => {
      await world.domain.origin(R, name("twelve"), "BLOCK", "BLOCK");
      await refuses(version(name("twelve")), /publish=BLOCK/);
      assert.equal(await world.domain.settings(R, name("twelve")), "BLOCK/BLOCK");
    });
    await checks.check(`${client}: row 14: deleting every version leaves the settings`, async () => {
      succeeded(await publish(version(name("fourteen"))));
      await world.domain.origin(R, name("fourteen"), "ALLOW", "ALLOW");
      await world.domain.remove(R, name("fourteen"), ["1.0"]);
      succeeded(await publish(version(name("fourteen"))));
      assert.equal(await world.domain.settings(R, name("fourteen")), "ALLOW/ALLOW");
    });
    await checks.check(
      `${client}: 4.6.3: an upstream's package is never shown or served, and its number is no conflict`,
      async () => {
        const name463 = name("upstream");
        succeeded(await publish(version(name463, "1.0", U)));
        await world.domain.origin(R, name463, "ALLOW", "ALLOW");
        await isAbsent(world, version(name463));
        failedSaying(
          await world.aws("describe-package-version", ...coordinates(world, version(name463))),
          /ResourceNotFound/,
        );
        world.file("f", "other bytes");
        succeeded(await publish(version(name463)));
        await curlDownloads(world, version(name463), "f");
        world.file("f", "bytes");
      },
    );
  }
}

async function isAbsent(world: World, { repository, name, version: number }: Version): Promise<void> {
  for (const parts of [[name], [name, number], [name, number, "f"]])
    assert.equal(await world.status(world.url(repository, "build", ...parts)), 404, parts.join("/"));
  const { stdout } = succeeded(await world.curl("-H", "accept: text/plain", world.url(repository)));
  assert.ok(!stdout.split("\n").includes(`build/${name}`));
}

const LARGE_BYTES = 300_000_000;

/** Uploads and downloads a large file, and looks at the most memory that the server ever had. */
async function large(world: World, pid: number | undefined): Promise<void> {
  const { checks } = world.stage;
  const before = peakMb(pid);
  await checks.check(`curl: ${LARGE_BYTES / 1e6} MB go up and come down`, async () => {
    const sha256 = world.file("huge", randomBytes(LARGE_BYTES));
    const url = world.url(R, "build", "huge", "1.0", "huge");
    succeeded(await world.curl("-H", `x-checksum-sha256: ${sha256}`, "-T", "huge", url));
    succeeded(await world.curl("-o", "huge-again", url));
    assert.equal(statSync(join(world.folder, "huge-again")).size, LARGE_BYTES);
    succeeded(await run(["cmp", "huge", "huge-again"], { cwd: world.folder, env: process.env }));
  });
  if (before === undefined)
    return checks.skip("its memory stays bounded", "only known of a server started here, on Linux");
  await checks.check("its memory stays bounded: at most 100 MB more", async () => {
    const grown = (peakMb(pid) ?? 0) - before;
    assert.ok(grown < 100, `it grew by ${grown.toFixed(0)} MB, from ${before.toFixed(0)} MB`);
  });
}

/** The most resident memory so far. */
function peakMb(pid: number | undefined): number | undefined {
  try {
    return Number(/^VmHWM:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) / 1000;
  } catch {
    return undefined;
  }
}

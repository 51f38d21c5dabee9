// What the machine's own settings say, and that secrets found beside them stay apart.
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Machine } from "./discovery.ts";
import { discoverByAsking, discoverQuickly } from "./discovery.ts";

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "portcullis-discovery-"));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

function machine(files: Record<string, string>, env: Record<string, string> = {}): Machine {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), text);
  }
  mkdirSync(join(root, "project"), { recursive: true });
  const isolated = {
    PIP_CONFIG_FILE: join(root, "no-pip.conf"),
    npm_config_globalconfig: join(root, "globalrc"),
  };
  return { env: { ...isolated, ...env }, home: join(root, "home"), cwd: join(root, "project") };
}

describe("npm", () => {
  const url = (m: Machine) => discoverQuickly(m).urls["public:npmjs"];

  test("variable, then project, then user, then global settings", () => {
    const files = {
      globalrc: "registry=https://global.example/",
      "home/.npmrc": "registry = https://user.example/npm",
      "project/.npmrc": "registry=https://project.example/",
    };
    expect(url(machine(files, { NPM_CONFIG_REGISTRY: "https://variable.example/" }))).toBe(
      "https://variable.example/",
    );
    expect(url(machine(files))).toBe("https://project.example/");
    rmSync(join(root, "project"), { recursive: true });
    expect(url(machine({}))).toBe("https://user.example/npm/");
    rmSync(join(root, "home"), { recursive: true });
    expect(url(machine({}))).toBe("https://global.example/");
  });

  test("without any setting: the same default that npm itself reports", async () => {
    const m = machine({}, { PATH: process.env.PATH ?? "", HOME: join(root, "home") });
    const asked = (await discoverByAsking(m))["public:npmjs"];
    expect(asked).toMatch(/^https?:\/\//);
    expect(url(m)).toBe(asked);
  });

  test("credentials are found per URL prefix, with ${NAME} filled in, and are in no URL", () => {
    const m = machine(
      {
        "home/.npmrc": [
          "registry=https://npm.example/team/",
          "//npm.example/team/:_authToken=${TOKEN}",
          "//b.example/:_auth=dTpw",
          "//c.example/:username=u",
          `//c.example/:_password=${Buffer.from("p").toString("base64")}`,
        ].join("\n"),
      },
      { TOKEN: "secret-token" },
    );
    const found = discoverQuickly(m);
    expect(found.authorizations).toEqual({
      "//npm.example/team/": "Bearer secret-token",
      "//b.example/": "Basic dTpw",
      "//c.example/": "Basic dTpw",
    });
    expect(JSON.stringify(found.urls)).not.toContain("secret-token");
  });
});

test("pip: variable, then pip.conf", () => {
  const conf = { "home/.config/pip/pip.conf": "[global]\nindex-url = https://py.example/simple\n" };
  expect(discoverQuickly(machine(conf)).urls["public:pypi"]).toBe("https://py.example/simple/");
  expect(
    discoverQuickly(machine(conf, { PIP_INDEX_URL: "https://v.example/simple/" })).urls["public:pypi"],
  ).toBe("https://v.example/simple/");
});

test("Maven: a mirror of central counts, one that excludes it does not", () => {
  const settings = (of: string) => ({
    "home/.m2/settings.xml": `<settings><mirrors><!-- <mirror><mirrorOf>central</mirrorOf><url>https://no.example</url></mirror> --><mirror><mirrorOf>${of}</mirrorOf><url>https://mvn.example/all</url></mirror></mirrors></settings>`,
  });
  expect(discoverQuickly(machine(settings("central"))).urls["public:maven-central"]).toBe(
    "https://mvn.example/all/",
  );
  expect(discoverQuickly(machine(settings("*,!internal"))).urls["public:maven-central"]).toBe(
    "https://mvn.example/all/",
  );
  expect(discoverQuickly(machine(settings("*,!central"))).urls["public:maven-central"]).toBeUndefined();
});

test("Cargo, RubyGems and NuGet: their own files", () => {
  const { urls } = discoverQuickly(
    machine({
      "home/.cargo/config.toml":
        '[source.crates-io]\nreplace-with = "mirror"\n[source.mirror]\nregistry = "sparse+https://crates.example/index/"\n',
      "home/.gemrc": "---\n:sources:\n- https://gems.example\n",
      "home/.nuget/NuGet/NuGet.Config":
        '<configuration><packageSources><add key="x" value="https://nuget.example/v3/index.json" /></packageSources></configuration>',
    }),
  );
  expect(urls).toMatchObject({
    "public:crates-io": "https://crates.example/index/",
    "public:ruby-gems-org": "https://gems.example/",
    "public:nuget-org": "https://nuget.example/v3/index.json",
  });
});

test("Cargo: an index in git is not read here", () => {
  const { urls } = discoverQuickly(
    machine({
      "home/.cargo/config.toml":
        '[source.crates-io]\nreplace-with = "mirror"\n[source.mirror]\nregistry = "https://crates.example/index.git"\n',
    }),
  );
  expect(urls["public:crates-io"]).toBeUndefined();
});

test("Cargo's own answer, from what it says when it is sent nowhere", async () => {
  const asked = machine({
    "bin/cargo": [
      "#!/bin/sh",
      '[ "$CARGO_HTTP_PROXY" = http://127.0.0.1:1 ] && [ -z "$NO_PROXY" ] || exit 0',
      "echo 'error: download of config.json failed' >&2",
      "echo '  failed to download from `https://crates.example/index/config.json`' >&2",
      "exit 101",
    ].join("\n"),
  });
  chmodSync(join(asked.home, "../bin/cargo"), 0o755);
  const urls = await discoverByAsking({
    ...asked,
    env: { ...asked.env, PATH: join(asked.home, "../bin"), NO_PROXY: "*" },
  });
  expect(urls["public:crates-io"]).toBe("https://crates.example/index/");
});

test("settings that are no web address are left out", () => {
  expect(
    discoverQuickly(machine({ "project/.npmrc": "registry=file:///etc/passwd" })).urls["public:npmjs"],
  ).toBeUndefined();
});

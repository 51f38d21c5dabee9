// What stands in deploy/, held against the server that it deploys: settings, metrics, the image's files, nginx in front.
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { cpSync, existsSync, readdirSync, readFileSync, symlinkSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import aws4 from "aws4";
import { Agent, fetch as fetchBy } from "undici";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parse, parseAllDocuments } from "yaml";
import { SETTINGS } from "../src/config.ts";
import { freshPostgres } from "./databases.ts";
import { freePort } from "./free-port.ts";
import type { TestServer } from "./server.ts";
import { ACCOUNT, DOMAIN, publishBody, startServer } from "./server.ts";

const ROOT = resolve(import.meta.dirname, "..");
const DEPLOY = join(ROOT, "deploy");
const FILES = readdirSync(DEPLOY, { recursive: true, encoding: "utf8" }).filter((file) =>
  /\.(yaml|conf|env|example|json|service|mjs)$|Dockerfile$/.test(file),
);
const read = (file: string): string => readFileSync(join(DEPLOY, file), "utf8");
/** The first program of this name that the machine has, or undefined. */
function find(...places: readonly string[]): string | undefined {
  return places.find((place) => existsSync(place));
}

let folder: string;
beforeAll(async () => void (folder = await mkdtemp(join(tmpdir(), "portcullis-deploy-"))));
afterAll(() => rm(folder, { recursive: true, force: true }));

describe("settings and secrets", () => {
  const known = new Set(SETTINGS.map(({ name }) => `PORTCULLIS_${name.toUpperCase().replaceAll("-", "_")}`));
  // Not the server's: the image that compose starts.
  const own = new Set(["PORTCULLIS_IMAGE"]);

  test.each(FILES)("%s names only variables that serve knows", (file) => {
    const named = read(file).match(/PORTCULLIS_[A-Z][A-Z0-9_]*/g) ?? [];
    expect(
      named.filter((name) => !known.has(name) && !own.has(name) && !name.startsWith("PORTCULLIS_UPSTREAM_")),
    ).toEqual([]);
  });

  test.each(FILES.filter((file) => file.endsWith(".yaml")))("%s is YAML", (file) => {
    for (const document of parseAllDocuments(read(file))) expect(document.errors).toEqual([]);
  });
});

test.each(["running.md", "sizing.md"])("docs/%s: every page and file that it names is there", (page) => {
  const text = readFileSync(join(ROOT, "docs", page), "utf8");
  const links = [...text.matchAll(/\]\(([^)#:]+)\)/g)].map(([, target = ""]) => join(ROOT, "docs", target));
  const files = [...text.matchAll(/`(deploy\/[\w./-]+)`/g)].map(([, target = ""]) => join(ROOT, target));
  expect([...links, ...files].filter((path) => !existsSync(path))).toEqual([]);
});

describe("the image", () => {
  const lines = read("Dockerfile").split("\n");
  const copied = lines
    .filter((line) => /^COPY (?!--from)/.test(line))
    .flatMap((line) => line.split(" ").slice(1, -1));

  test("holds all that serving needs, and a start writes only to the data folder and the compile cache", async () => {
    const tree = join(folder, "image");
    const left = new Set(["node_modules", "package-lock.json"]);
    for (const path of copied) {
      expect(readFileSync(join(ROOT, ".dockerignore"), "utf8").split("\n")).toContain(`!${path}`);
      if (!left.has(path))
        cpSync(join(ROOT, path), join(tree, path), {
          recursive: true,
          filter: (source) => !/\.(test|suite)\.ts$/.test(source),
        });
    }
    symlinkSync(join(ROOT, "node_modules"), join(tree, "node_modules"));
    const before = readdirSync(tree, { recursive: true });
    const server = await serve(tree, { PORTCULLIS_DATA: join(folder, "image-data") });
    const ready = await fetch(`${server.url}/readyz`).catch(() => undefined);
    expect(await server.end()).toBe(0);
    expect(ready?.status).toBe(200);
    expect(readdirSync(tree, { recursive: true })).toEqual(before);
  });

  test("runs as a user that is not root, and asks for its health", () => {
    expect(lines).toContain("USER 10001:10001");
    expect(read("Dockerfile")).toMatch(/HEALTHCHECK[^]*\/healthz/);
  });
});

describe("Kubernetes", () => {
  type Manifest = { kind: string; metadata: { name: string }; spec?: never; data?: Record<string, string> };
  const kustomization = parse(read("kubernetes/kustomization.yaml")) as { resources: string[] };
  const manifests = kustomization.resources.flatMap((file) =>
    parseAllDocuments(read(`kubernetes/${file}`)).map((document) => document.toJS() as Manifest),
  );
  const of = (kind: string): unknown => manifests.find((manifest) => manifest.kind === kind);
  const { spec } = of("Deployment") as { spec: DeploymentSpec };
  const [container] = spec.template.spec.containers;

  interface DeploymentSpec {
    replicas: number;
    strategy: { rollingUpdate: { maxUnavailable: number } };
    selector: { matchLabels: object };
    template: {
      metadata: { labels: object };
      spec: {
        terminationGracePeriodSeconds: number;
        containers: [Container];
        volumes: { name: string }[];
      };
    };
  }
  interface Container {
    ports: { name: string; containerPort: number }[];
    lifecycle: { preStop: { exec: { command: string[] } } };
    volumeMounts: { name: string }[];
    securityContext: { readOnlyRootFilesystem: boolean };
  }

  test("every manifest is in the kustomization", () => {
    const present = readdirSync(join(DEPLOY, "kubernetes")).filter((file) => file.endsWith(".yaml"));
    expect(present.filter((file) => file !== "kustomization.yaml").toSorted()).toEqual(
      kustomization.resources.toSorted(),
    );
  });

  test("a pod has the 30 s of a graceful end besides its wait for the balancers", () => {
    const wait = Number(container.lifecycle.preStop.exec.command[1]);
    expect(spec.template.spec.terminationGracePeriodSeconds).toBeGreaterThan(30 + wait);
  });

  test("labels, ports, volumes and budgets fit together", () => {
    const budget = of("PodDisruptionBudget") as {
      spec: { maxUnavailable: number; selector: { matchLabels: object } };
    };
    const service = of("Service") as { spec: { selector: object; ports: { targetPort: string }[] } };
    expect(spec.template.metadata.labels).toMatchObject(spec.selector.matchLabels);
    expect(budget.spec.selector.matchLabels).toEqual(spec.selector.matchLabels);
    expect(service.spec.selector).toEqual(spec.selector.matchLabels);
    expect(budget.spec.maxUnavailable).toBeLessThan(spec.replicas);
    expect(spec.strategy.rollingUpdate.maxUnavailable).toBe(0);
    expect(service.spec.ports.map((port) => port.targetPort)).toEqual(
      container.ports.map(({ name }) => name),
    );
    expect(container.volumeMounts.map(({ name }) => name).toSorted()).toEqual(
      spec.template.spec.volumes.map(({ name }) => name).toSorted(),
    );
    expect(container.securityContext.readOnlyRootFilesystem).toBe(true);
  });

  test("the ingress lets every door in and keeps the metrics inside", async () => {
    const { spec: ingress } = of("Ingress") as {
      spec: { rules: { http: { paths: { path: string }[] } }[] };
    };
    const paths = ingress.rules[0]?.http.paths.map(({ path }) => path);
    const formats = readdirSync(join(ROOT, "src/formats"), { withFileTypes: true })
      .filter((entry) => entry.isDirectory() && existsSync(join(entry.parentPath, entry.name, "index.ts")))
      .map(({ name }) => `/${name}`);
    expect(paths?.toSorted()).toEqual(["/", "/v1", ...formats].toSorted());
  });
});

describe("compose", () => {
  interface Service {
    stop_grace_period?: string;
    volumes?: string[];
    depends_on?: object | string[];
    configs?: { source: string }[];
  }
  const compose = parse(read("compose/compose.yaml"), { merge: true }) as {
    services: Record<string, Service>;
    configs: Record<string, { file?: string }>;
    volumes: Record<string, unknown>;
  };

  test("what services name is there, or the operator makes it (.gitignore)", () => {
    const made = read("compose/.gitignore").split("\n");
    for (const [name, service] of Object.entries(compose.services)) {
      for (const [source = ""] of (service.volumes ?? []).map((volume) => volume.split(":"))) {
        const there = source.startsWith(".")
          ? existsSync(join(DEPLOY, "compose", source)) ||
            made.some((line) => line.replace("/", "") === source.slice(2))
          : source.startsWith("/") || source in compose.volumes;
        expect(there, `${name}: ${source}`).toBe(true);
      }
      const needed = Array.isArray(service.depends_on)
        ? service.depends_on
        : Object.keys(service.depends_on ?? {});
      for (const other of needed) expect(Object.keys(compose.services)).toContain(other);
      for (const { source } of service.configs ?? []) expect(Object.keys(compose.configs)).toContain(source);
    }
    for (const { file } of Object.values(compose.configs))
      if (file !== undefined) expect(existsSync(join(DEPLOY, "compose", file))).toBe(true);
  });

  test("every variable is in env.example, and a node has its 30 s to end", () => {
    const variables = new Set(
      [...read("compose/compose.yaml").matchAll(/\$\{([A-Z0-9_]+)/g)].map(([, name]) => name),
    );
    variables.delete("PORTCULLIS_IMAGE"); // has a default
    for (const name of variables) expect(read("compose/env.example")).toMatch(new RegExp(`^${name}=`, "m"));
    expect(Number.parseInt(compose.services.portcullis?.stop_grace_period ?? "", 10)).toBeGreaterThan(30);
  });
});

const systemd = find("/usr/bin/systemd-analyze", "/bin/systemd-analyze");
test.skipIf(systemd === undefined)("systemd finds nothing wrong with the unit", async () => {
  const unit = join(folder, "portcullis.service");
  await writeFile(
    unit,
    read("systemd/portcullis.service").replace("/opt/portcullis/bin/portcullis", "/bin/true"),
  );
  // Other units of the machine may have their own faults: only what is said of ours counts.
  const said = execFileSync("sh", ["-c", `${systemd} verify ${unit} 2>&1 || true`], { encoding: "utf8" });
  expect(said.split("\n").filter((line) => line.includes("portcullis.service"))).toEqual([]);
});

describe("metrics", () => {
  const dashboard = JSON.parse(read("grafana/portcullis.json")) as {
    panels: {
      id: number;
      title: string;
      gridPos: { x: number; y: number; w: number; h: number };
      targets?: { expr: string }[];
    }[];
  };
  const { groups } = parse(read("prometheus/alerts.yaml")) as {
    groups: { rules: { alert: string; expr: string }[] }[];
  };
  const shown = dashboard.panels.flatMap(({ title, targets }) =>
    (targets ?? []).map(({ expr }) => ({ title, expr })),
  );
  const alerts = groups.flatMap(({ rules }) => rules).map(({ alert, expr }) => ({ title: alert, expr }));

  /** Every metric that an expression names; labels, functions and keywords are left out by their places and prefixes. */
  const namesIn = (expr: string): string[] => expr.match(/\b(portcullis|process|nodejs)_[a-z0-9_]+/g) ?? [];

  test.each([...shown, ...alerts])("$title: every metric exists on a running server", async ({ expr }) => {
    const exposed = await exposedMetrics();
    const names = namesIn(expr);
    if (!/\bup\b/.test(expr)) expect(names).not.toEqual([]);
    expect(names.filter((name) => !exposed.has(name))).toEqual([]);
  });

  test("panels have ids of their own and do not overlap", () => {
    const cells = dashboard.panels.flatMap(({ gridPos: { x, y, w, h } }) =>
      Array.from({ length: w * h }, (_, i) => `${x + (i % w)},${y + Math.floor(i / w)}`),
    );
    expect(new Set(cells).size).toBe(cells.length);
    expect(new Set(dashboard.panels.map(({ id }) => id)).size).toBe(dashboard.panels.length);
  });

  let asked: Promise<ReadonlySet<string>> | undefined;
  /** The samples' names, of a server with workers and, where there is one, of a node on PostgreSQL. */
  const exposedMetrics = (): Promise<ReadonlySet<string>> =>
    (asked ??= Promise.all([ofWorkers(), ofNode()]).then((pages) => samplesIn(pages.join("\n"))));

  async function ofWorkers(): Promise<string> {
    const server = await serve(ROOT, { PORTCULLIS_DATA: join(folder, "workers"), PORTCULLIS_WORKERS: "2" });
    try {
      return await (await fetch(`${server.url}/metrics`)).text();
    } finally {
      await server.end();
    }
  }

  async function ofNode(): Promise<string> {
    const postgres = process.env.PORTCULLIS_TEST_POSTGRES;
    const server = await startServer(
      postgres === undefined ? {} : { database: await freshPostgres(postgres) },
    );
    try {
      return await (await fetch(`${server.url}/metrics`)).text();
    } finally {
      await server.close();
    }
  }

  /** A histogram that has nothing to show yet has its samples all the same. */
  function samplesIn(page: string): ReadonlySet<string> {
    const typed = [...page.matchAll(/^# TYPE (\S+) (\S+)$/gm)];
    return new Set(
      typed.flatMap(([, name = "", type]) =>
        type === "histogram" ? ["_bucket", "_sum", "_count"].map((end) => `${name}${end}`) : [name],
      ),
    );
  }
});

const nginx = find("/usr/sbin/nginx", "/usr/bin/nginx", "/usr/local/bin/nginx");
describe.skipIf(nginx === undefined)("nginx, with the configuration as it stands but for places", () => {
  let balancer: ChildProcess;
  let server: TestServer;
  let url: string;
  const client = new Agent({ connect: { rejectUnauthorized: false } });
  const ask = (path: string, init: object = {}) => fetchBy(`${url}${path}`, { dispatcher: client, ...init });

  beforeAll(async () => {
    const [http, https] = [await freePort(), await freePort()];
    url = `https://127.0.0.1:${https}`;
    server = await startServer({ "public-url": url });
    await server.repository("npm");
    const dir = join(folder, "nginx");
    await mkdir(dir);
    execFileSync(
      "openssl",
      // biome-ignore format: flags in pairs
      ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=packages.example.com",
        "-keyout", join(dir, "tls.key"), "-out", join(dir, "tls.crt")],
      { stdio: "ignore" },
    );
    // The first node is down: nothing listens there.
    const nodes = [`127.0.0.1:${await freePort()}`, new URL(server.url).host];
    const upstream = read("nginx/upstream.conf").replace(
      / {2}server [^]*fail_timeout=5s;\n/,
      nodes.map((node) => `  server ${node} fail_timeout=1h;\n`).join(""),
    );
    const site = read("nginx/portcullis.conf")
      .replace("listen 80;", `listen 127.0.0.1:${http};`)
      .replace("listen 443 ssl;", `listen 127.0.0.1:${https} ssl;`)
      .replaceAll("/etc/nginx/tls", dir);
    const file = join(dir, "nginx.conf");
    const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
      (kind) => `${kind}_temp_path ${dir}/${kind};`,
    );
    await writeFile(
      file,
      `daemon off; pid ${dir}/pid; ${process.getuid?.() === 0 ? "user root;" : ""} events {}
       http { access_log off; ${temporary.join(" ")} ${upstream} ${site} }`,
    );
    const flags = ["-p", dir, "-e", join(dir, "error.log"), "-c", file];
    execFileSync(nginx as string, ["-t", "-q", ...flags]);
    balancer = spawn(nginx as string, flags, { stdio: "ignore" });
    for (let i = 0; i < 100 && (await ask("/healthz").catch(() => undefined)) === undefined; i++)
      await sleep(50);
  });
  afterAll(async () => {
    balancer.kill("SIGTERM");
    await new Promise((done) => balancer.once("exit", done));
    await client.close();
    await server.close();
  });

  test("a scoped package goes up in one piece and comes back by its escaped name, addresses as clients reach them", async () => {
    const headers = { authorization: `Bearer ${await server.token()}` };
    const base = `${url}/npm/d/${DOMAIN}-${ACCOUNT}/npm/`;
    const body = JSON.stringify(await publishBody(base, { name: "@acme/lib", version: "1.0.0" }));
    const path = `/npm/d/${DOMAIN}-${ACCOUNT}/npm/@acme%2flib`;
    const put = await ask(path, {
      method: "PUT",
      headers: { ...headers, "content-type": "application/json" },
      body,
    });
    expect(put.status, await put.text()).toBe(201);
    const document = (await (await ask(path, { headers })).json()) as Packument;
    const { tarball } = document.versions["1.0.0"]?.dist ?? { tarball: "" };
    expect(tarball).toMatch(new RegExp(`^${url}/npm/`));
    const file = await ask(new URL(tarball).pathname, { headers });
    expect(file.status).toBe(200);
    expect((await file.arrayBuffer()).byteLength).toBeGreaterThan(100);
  });
  type Packument = { versions: Record<string, { dist: { tarball: string } }> };

  test("a signed request is what the client signed, DELETE among them", async () => {
    await server.client.createRepository({ domain: DOMAIN, repository: "gone" });
    const { accessKeyId, secretAccessKey } = await server.client.config.credentials();
    const path = `/v1/repository?domain=${DOMAIN}&repository=gone`;
    const { host } = new URL(url);
    const signed = aws4.sign(
      { method: "DELETE", host, path, service: "codeartifact", region: "us-east-1" },
      { accessKeyId, secretAccessKey },
    );
    const headers = Object.fromEntries(
      Object.entries(signed.headers ?? {}).filter(([name]) => !/^(host|content-length)$/i.test(name)),
    );
    const answer = await ask(path, { method: "DELETE", headers });
    expect(answer.status, await answer.text()).toBe(200);
  });

  test("metrics stay inside, and plain HTTP is sent to TLS", async () => {
    expect((await ask("/metrics")).status).toBe(404);
    expect((await ask("/readyz")).status).toBe(200);
  });
});

/** `bin/portcullis serve` of a tree with these variables and no others, once it serves. */
async function serve(
  tree: string,
  settings: Record<string, string>,
): Promise<{ url: string; end: () => Promise<number | null> }> {
  const env = {
    PATH: "/usr/bin:/bin",
    NODE_COMPILE_CACHE: join(folder, "compile-cache"),
    PORTCULLIS_LISTEN: "127.0.0.1:0",
    ...settings,
  };
  const child = spawn(join(tree, "bin/portcullis"), ["serve"], {
    cwd: tree,
    env,
    stdio: ["ignore", "pipe", "ignore"],
  });
  const ended = new Promise<number | null>((done) => child.once("exit", done));
  const url = await new Promise<string>((done, fail) => {
    let text = "";
    child.stdout.on("data", (chunk: Buffer) => {
      text += String(chunk);
      const [, address] = /listening on (\S+)/.exec(text) ?? [];
      if (address !== undefined) done(address);
    });
    child.once("exit", () => fail(new Error("the server ended before it listened")));
  });
  const end = () => {
    child.kill("SIGTERM");
    return ended;
  };
  return { url, end };
}

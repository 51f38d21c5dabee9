// Runs the suites named on the command line, or all, and ends with the line "N passed, N failed, N skipped".
import { existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { collect, Skip, type Tally } from "./checks.ts";
import { type Cluster, startCluster } from "./cluster.ts";
import { type Ground, type Site, startGround } from "./ground.ts";
import { killAll } from "./processes.ts";
import { writeReport } from "./report.ts";
import { faultsLogged, readCredentials, type Server, startServer, type Target } from "./server.ts";
import type { Stage, Suite } from "./suite.ts";
import { awsClients } from "./suites/aws-clients.ts";
import { cargoClients } from "./suites/cargo-clients.ts";
import { durability } from "./suites/durability.ts";
import { genericClients } from "./suites/generic-clients.ts";
import { history } from "./suites/history.ts";
import { login } from "./suites/login.ts";
import { mavenClients } from "./suites/maven-clients.ts";
import { npmClients } from "./suites/npm-clients.ts";
import { npmProxy } from "./suites/npm-proxy.ts";
import { npmWire } from "./suites/npm-wire.ts";
import { nugetClients } from "./suites/nuget-clients.ts";
import { originMatrix } from "./suites/origin-matrix.ts";
import { outages } from "./suites/outages.ts";
import { pypiClients } from "./suites/pypi-clients.ts";
import { pythonOrigin } from "./suites/python-origin.ts";
import { refusals } from "./suites/refusals.ts";
import { rubyClients } from "./suites/ruby-clients.ts";
import { terraform } from "./suites/terraform.ts";
import { webIdentity } from "./suites/web-identity.ts";

const suites: Readonly<Record<string, Suite>> = {
  "npm-clients": npmClients,
  "npm-proxy": npmProxy,
  "origin-matrix": originMatrix,
  "aws-clients": awsClients,
  "npm-wire": npmWire,
  "generic-clients": genericClients,
  "maven-clients": mavenClients,
  "pypi-clients": pypiClients,
  "python-origin": pythonOrigin,
  "cargo-clients": cargoClients,
  "ruby-clients": rubyClients,
  "nuget-clients": nugetClients,
  refusals,
  terraform,
  durability,
  history,
  outages,
  login,
  "web-identity": webIdentity,
};

/** Suites that `--cluster` runs unless some are named: each door, formats of one and of several files, and power cuts. */
const clustered = [
  "npm-clients",
  "origin-matrix",
  "aws-clients",
  "generic-clients",
  "python-origin",
  "durability",
];

const usage = `usage: node conformance/run.ts [suite ...] [--cluster | --endpoint URL --credentials FILE] [--keep] [--report FILE]
suites: ${Object.keys(suites).join(", ")}`;

const { given, names, cluster, keep, report } = readArguments();
const tally: Tally = { passed: 0, failed: 0, skipped: 0, checks: [] };
process.once("exit", killAll);
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(130));
const folder = mkdtempSync(join(tmpdir(), "portcullis-conformance-"));
let ground: Promise<Ground> | undefined;
for (const name of names) await runSuite(name);
await (await ground?.catch(() => undefined))?.stop();
if (report !== undefined) writeReport(report, tally.checks);
if (keep || tally.failed > 0) console.log(`left for looking at: ${folder}`);
else rmSync(folder, { recursive: true, force: true });
console.log(`${tally.passed} passed, ${tally.failed} failed, ${tally.skipped} skipped`);
process.exit(tally.failed > 0 ? 1 : 0);

function readArguments() {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: {
        endpoint: { type: "string" },
        credentials: { type: "string" },
        cluster: { type: "boolean" },
        keep: { type: "boolean" },
        report: { type: "string" },
      },
    });
    const unknown = positionals.find((name) => !Object.hasOwn(suites, name));
    if (unknown !== undefined) throw new Error(`there is no suite '${unknown}'`);
    const { endpoint, credentials, cluster = false } = values;
    if ((endpoint === undefined) !== (credentials === undefined))
      throw new Error("--endpoint and --credentials go together");
    if (cluster && endpoint !== undefined) throw new Error("--cluster starts its own servers: no --endpoint");
    const target: Target | undefined =
      endpoint === undefined || credentials === undefined
        ? undefined
        : { endpoint: endpoint.replace(/\/+$/, ""), credentials: readCredentials(resolve(credentials)) };
    return {
      given: target,
      names: positionals.length > 0 ? positionals : cluster ? clustered : Object.keys(suites),
      cluster,
      keep: values.keep === true,
      report: values.report === undefined ? undefined : resolve(values.report),
    };
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n${usage}`);
    process.exit(2);
  }
}

async function runSuite(name: string): Promise<void> {
  const checks = collect(name, tally);
  const servers: Server[] = [];
  const sites = new Map<string, Site>();
  const logs = new Set<string>();
  const homeOf = (place: string): string => {
    if (given !== undefined) throw new Skip("needs a server of its own, and an address was given");
    const home = join(folder, name, place);
    mkdirSync(home, { recursive: true });
    return home;
  };
  const stage: Stage = {
    checks,
    folder: join(folder, name),
    balanced: cluster,
    target: async () => given ?? stage.server("server"),
    async server(place, options) {
      if (cluster) return stage.cluster(place, options);
      const server = await startServer(homeOf(place), options);
      servers.push(server);
      logs.add(server.log);
      return server;
    },
    async cluster(place, options): Promise<Cluster> {
      const home = homeOf(place);
      ground ??= startGround();
      const site = sites.get(place);
      const started = await startCluster(
        await ground,
        home,
        site === undefined ? options : { ...options, site },
      );
      sites.set(place, started.site);
      servers.push(started);
      if (options?.troubled !== true) logs.add(started.log);
      return started;
    },
  };
  mkdirSync(stage.folder, { recursive: true });
  try {
    await suites[name]?.(stage);
  } catch (error) {
    if (error instanceof Skip) checks.skip("the rest of the suite", error.message);
    else
      checks.record(
        "not ok",
        "the suite runs to its end",
        error instanceof Error ? (error.stack ?? error.message) : String(error),
      );
  }
  for (const server of servers) await server.stop();
  if (logs.size === 0) return;
  await checks.check("the server logged no fault of its own", async () => {
    const faults = [...logs].filter((log) => existsSync(log)).flatMap(faultsLogged);
    if (faults.length > 0)
      throw new Error(`${faults.length} lines, the first:\n${faults.slice(0, 5).join("\n")}`);
  });
}

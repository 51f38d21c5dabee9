// The matrix of clients: what the generator makes of a small report, and that the committed page is of its making.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { CheckReport, RunReport } from "../conformance/report.ts";
import { commandOf, recognize } from "../conformance/witness.ts";
import { clientsPage, FOREWORD, readReport, SECTIONS, withoutPlaces } from "../tools/gen-clients.ts";

const gem = { client: "gem", version: "3.3.15", commands: ["push", "install"] };
const check = (title: string, more: Partial<CheckReport> = {}): CheckReport => ({
  suite: "ruby-clients",
  title,
  outcome: "ok",
  reason: "",
  uses: [gem],
  ...more,
});
const sample: RunReport = {
  date: "2026-01-02T03:04:05.000Z",
  platform: "Some system, Node 24",
  checks: [
    check("gem push"),
    check("row 1", {
      outcome: "not ok",
      reason: "it broke",
      uses: [gem, { ...gem, client: "bundler", version: "2.3.27", commands: ["install"] }],
    }),
    check("without a client", {
      outcome: "skip",
      reason: "no http://127.0.0.1:4711/x in /some/folder/here",
      uses: [],
    }),
  ],
};
const page = readFileSync(join(import.meta.dirname, "../docs/clients.md"), "utf8");

test("a section has a table of client, version, commands and counts, then each check with its clients", () => {
  const text = clientsPage([sample]);
  const section = text.slice(text.indexOf("## RubyGems"), text.indexOf("## Cargo"));
  expect(section.split("\n").slice(2)).toEqual([
    "| client | version | commands | checks |",
    "| --- | --- | --- | --- |",
    "| bundler | 2.3.27 | `install` | 1 failed |",
    "| gem | 3.3.15 | `install`, `push` | 1 ok, 1 failed |",
    "| (the suite's own requests) |  |  | 1 skipped |",
    "",
    "<details><summary>ruby-clients: 3 checks</summary>",
    "",
    "- ok: gem push (gem 3.3.15)",
    "- **failed**: row 1 (gem 3.3.15, bundler 2.3.27)",
    "- **skipped**: without a client: no (address) in (folder)",
    "",
    "</details>",
    "",
    "",
  ]);
  expect(text).toContain("Run on 2026-01-02 on Some system, Node 24: 1 ok, 1 failed, 1 skipped.\n");
  expect(text).toContain("## Cargo\n\nNot run.\n");
});

test("a format without a client shows the tests that stand for one", () => {
  const assertionResults = [{ fullName: "lists releases", status: "passed" }];
  const swift = readReport(JSON.stringify({ startTime: 0, testResults: [{ assertionResults }] }));
  expect(clientsPage([swift])).toMatch(/## Swift\n\nNo Swift toolchain [^]*- ok: lists releases\n/);
});

test("the committed page is the generator's: its foreword, its sections in order, its tables", () => {
  expect(page.startsWith(FOREWORD)).toBe(true);
  expect(page.match(/^## .*$/gm)).toEqual(SECTIONS.map(([title]) => `## ${title}`));
  const heads = new Set(page.match(/^\| client .*$/gm));
  expect([...heads]).toEqual(["| client | version | commands | checks |"]);
  const odd = page.match(/^(\||- ).*$/gm)?.filter((line) => !/^\| .* \|$|^- \S/.test(line));
  expect(odd).toEqual([]);
});

test("the committed page names no address, port or folder of a machine", () => {
  // Examples' hosts may stand in titles.
  expect(page.replace(/\b(https|ssh):\/\/[\w.@]+\.example\//g, "")).not.toMatch(
    /:\/\/|127\.0\.0\.1|localhost|\/(tmp|root|home|usr|work)\//,
  );
});

test("reasons lose addresses and folders, and all but their first line", () => {
  expect(withoutPlaces("GET https://registry.example/a: 'x'\nmore")).toBe("GET (address) 'x'");
  expect(withoutPlaces("no /opt/some/file; 127.0.0.1:80 is down")).toBe("no (folder); (address) is down");
});

test("programs are known as the clients they are, by the command that was run", () => {
  const told = (...command: string[]) => {
    const program = recognize(command);
    return program && [program.client, commandOf(program)];
  };
  expect(told("/x/node", "/y/npm/bin/npm-cli.js", "dist-tag", "add", "a@1")).toEqual(["npm", "dist-tag add"]);
  expect(told("/x/python3", "-m", "pip", "--python", "/v/python3", "install", "a")).toEqual([
    "pip",
    "install",
  ]);
  expect(told("python3", "-m", "awscli", "codeartifact", "list-domains")).toEqual([
    "aws",
    "codeartifact list-domains",
  ]);
  expect(told("mono", "/y/nuget-5.8.0.exe", "push", "a.nupkg")).toEqual(["nuget", "push"]);
  expect(told("mvn", "-s", "/y/s.xml", "g:maven-deploy-plugin:3.1.4:deploy-file")).toEqual([
    "mvn",
    "deploy:deploy-file",
  ]);
  expect(told("gradle", "--no-daemon", "compileJava")).toEqual(["gradle", "compileJava"]);
  expect(told("mvn", "-B", "help:effective-settings")).toEqual(["mvn", "help:effective-settings"]);
  expect(told("curl", "-T", "f", "http://registry.example/")).toEqual(["curl", "PUT"]);
  expect(told("terraform", "version")).toEqual(["terraform", undefined]);
  expect(told("cargo", "--version")).toEqual(["cargo", undefined]);
  expect(told("/x/node", "main.mjs")).toBeUndefined();
  expect(told("mono", "--version")).toBeUndefined();
});

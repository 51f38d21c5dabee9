// Every syntax on files as people have them: only the named setting changes, and taking it out gives the old bytes back.
import { describe, expect, test } from "vitest";
import { SYNTAXES, type SyntaxName } from "./index.ts";
import { Unreadable, type Value } from "./syntax.ts";

interface Case {
  readonly syntax: SyntaxName;
  readonly name: string;
  readonly text: string;
  readonly path: readonly string[];
  readonly value: Value;
  /** The text after. */
  readonly after: string;
}

const ADDED: readonly Case[] = [
  {
    syntax: "npmrc",
    name: "an .npmrc with comments, another registry and quoted values",
    text: '; mine\n@corp:registry=https://registry.example/npm/\n//registry.example/npm/:_authToken="a=b;c"\nfund=false\n',
    path: ["//h:1/p/:_authToken"],
    value: "T",
    after:
      '; mine\n@corp:registry=https://registry.example/npm/\n//registry.example/npm/:_authToken="a=b;c"\nfund=false\n//h:1/p/:_authToken=T\n',
  },
  {
    syntax: "npmrc",
    name: "a section below",
    text: "a=1\n\n[b]\nc=2\n",
    path: ["registry"],
    value: "u",
    after: "a=1\nregistry=u\n\n[b]\nc=2\n",
  },
  {
    syntax: "npmrc",
    name: "CRLF, no last newline",
    text: "a=1\r\nb=2",
    path: ["c"],
    value: "3",
    after: "a=1\r\nb=2\r\nc=3\r\n",
  },
  {
    syntax: "configparser",
    name: "a pip.conf without the section",
    text: "# mine\n[install]\nno-cache-dir = yes\n",
    path: ["global", "index-url"],
    value: "u",
    after: "# mine\n[install]\nno-cache-dir = yes\n\n[global]\nindex-url = u\n",
  },
  {
    syntax: "configparser",
    name: "a section in the middle, a value over lines, percent signs",
    text: "[global]\ntrusted-host =\n    a.example\n    # not this\n    b.example\ntimeout: 10\n\n[list]\nformat = %(x)s\n",
    path: ["global", "index-url"],
    value: "u%20",
    after:
      "[global]\ntrusted-host =\n    a.example\n    # not this\n    b.example\ntimeout: 10\nindex-url = u%20\n\n[list]\nformat = %(x)s\n",
  },
  {
    syntax: "toml",
    name: "a table there already, with a comment behind it",
    text: '# cargo\n[registries.other]\nindex = "sparse+https://registry.example/" # ours\n\n# about the network\n[net]\nretry = 2\n',
    path: ["registries", "acme", "index"],
    value: "sparse+u",
    after:
      '# cargo\n[registries.other]\nindex = "sparse+https://registry.example/" # ours\n\n# about the network\n[net]\nretry = 2\n\n[registries.acme]\nindex = "sparse+u"\n',
  },
  {
    syntax: "toml",
    name: "an array over lines that looks like headers",
    text: "[net]\nx = [\n  [1,\n  2]\n]\ny = '''\n[registry]\n'''\n\n[term]\n",
    path: ["net", "z"],
    value: true,
    after: "[net]\nx = [\n  [1,\n  2]\n]\ny = '''\n[registry]\n'''\nz = true\n\n[term]\n",
  },
  {
    syntax: "toml",
    name: "an array of tables with other elements, CRLF",
    text: '[[index]]\r\nname = "x"\r\nurl = "https://registry.example/"\r\n',
    path: ["index[name=acme]", "url"],
    value: "u",
    after:
      '[[index]]\r\nname = "x"\r\nurl = "https://registry.example/"\r\n\r\n[[index]]\r\nname = "acme"\r\nurl = "u"\r\n',
  },
  {
    syntax: "toml",
    name: "a top-level key before tables",
    text: "a = 1\n\n[b]\nc = 2\n",
    path: ["d"],
    value: ["x", "y"],
    after: 'a = 1\nd = ["x", "y"]\n\n[b]\nc = 2\n',
  },
  {
    syntax: "toml",
    name: "a dotted key in a parent",
    text: '[registries]\nother.index = "x"\n',
    path: ["registries", "acme", "token"],
    value: "T",
    after: '[registries]\nother.index = "x"\n\n[registries.acme]\ntoken = "T"\n',
  },
  {
    syntax: "yaml",
    name: "a .yarnrc.yml with comments and odd spacing",
    text: 'nodeLinker:   node-modules # keep\n\n# scopes\nnpmScopes:\n    corp:\n        npmRegistryServer: "https://registry.example"\n\nyarnPath: .yarn/x.cjs\n',
    path: ["npmScopes", "acme", "npmRegistryServer"],
    value: "u",
    after:
      'nodeLinker:   node-modules # keep\n\n# scopes\nnpmScopes:\n    corp:\n        npmRegistryServer: "https://registry.example"\n    acme:\n      npmRegistryServer: "u"\n\nyarnPath: .yarn/x.cjs\n',
  },
  {
    syntax: "yaml",
    name: "a key like an address, no last newline, CRLF",
    text: "a: 1\r\nb: 2",
    path: ["npmRegistries", "//h:1/p", "npmAlwaysAuth"],
    value: true,
    after: "a: 1\r\nb: 2\r\nnpmRegistries:\r\n  //h:1/p:\r\n    npmAlwaysAuth: true\r\n",
  },
  {
    syntax: "yaml",
    name: "RubyGems' symbols",
    text: "---\n:rubygems_api_key: abc\n",
    path: [":acme"],
    value: "Bearer T",
    after: '---\n:rubygems_api_key: abc\n:acme: "Bearer T"\n',
  },
  {
    syntax: "yaml",
    name: "one more in a list",
    text: ":sources:\n- https://registry.example/\n:verbose: true\n",
    path: [":ssl_verify_mode"],
    value: "0",
    after: ':sources:\n- https://registry.example/\n:verbose: true\n:ssl_verify_mode: "0"\n',
  },
  {
    syntax: "xml",
    name: "a settings.xml with comments and another server",
    text: '<?xml version="1.0"?>\n<!-- mine <server> -->\n<settings xmlns="http://x.example/1">\n    <servers>\n        <server>\n            <id>other</id>\n            <password>p&amp;q</password>\n        </server>\n    </servers>\n</settings>\n',
    path: ["settings", "servers", "server[id=acme]", "password"],
    value: "T<",
    after:
      '<?xml version="1.0"?>\n<!-- mine <server> -->\n<settings xmlns="http://x.example/1">\n    <servers>\n        <server>\n            <id>other</id>\n            <password>p&amp;q</password>\n        </server>\n        <server>\n            <id>acme</id>\n            <password>T&lt;</password>\n        </server>\n    </servers>\n</settings>\n',
  },
  {
    syntax: "xml",
    name: "in front of its siblings",
    text: "<settings>\n  <mirrors>\n    <mirror>\n      <id>m</id>\n    </mirror>\n  </mirrors>\n</settings>\n",
    path: ["settings", "mirrors", "^mirror[id=acme]", "url"],
    value: "u",
    after:
      "<settings>\n  <mirrors>\n    <mirror>\n      <id>acme</id>\n      <url>u</url>\n    </mirror>\n    <mirror>\n      <id>m</id>\n    </mirror>\n  </mirrors>\n</settings>\n",
  },
  {
    syntax: "xml",
    name: "a NuGet.Config with attributes, a byte order mark and CRLF",
    text: '\ufeff<?xml version="1.0" encoding="utf-8"?>\r\n<configuration>\r\n  <packageSources>\r\n    <add key="n" value="https://registry.example/" />\r\n  </packageSources>\r\n</configuration>',
    path: ["configuration", "packageSources", "add[@key=d/r]", "@value"],
    value: "u?a&b",
    after:
      '\ufeff<?xml version="1.0" encoding="utf-8"?>\r\n<configuration>\r\n  <packageSources>\r\n    <add key="n" value="https://registry.example/" />\r\n    <add key="d/r" value="u?a&amp;b" />\r\n  </packageSources>\r\n</configuration>',
  },
  {
    syntax: "xml",
    name: "a profile in a list",
    text: "<settings>\n  <activeProfiles>\n    <activeProfile>a</activeProfile>\n  </activeProfiles>\n</settings>\n",
    path: ["settings", "offline"],
    value: "false",
    after:
      "<settings>\n  <activeProfiles>\n    <activeProfile>a</activeProfile>\n  </activeProfiles>\n  <offline>false</offline>\n</settings>\n",
  },
  {
    syntax: "properties",
    name: "gradle.properties with a value over lines",
    text: "# mine\norg.gradle.jvmargs=-Xmx2g \\\n  -ea\nurl = https://registry.example\n",
    path: ["acmePassword"],
    value: "T\\",
    after:
      "# mine\norg.gradle.jvmargs=-Xmx2g \\\n  -ea\nurl = https://registry.example\nacmePassword=T\\\\\n",
  },
  {
    syntax: "json",
    name: "registries.json",
    text: '{\n    "registries" : {},\n    "version" : 1\n}\n',
    path: ["version"],
    value: "1",
    after: '{\n    "registries": {},\n    "version": 1\n}\n',
  },
  {
    syntax: "netrc",
    name: "other machines, one over lines, a macro, a default",
    text: "machine a.example login x password y\nmachine b.example\n  login z # who\n  password w\nmacdef init\nmachine nowhere login\n\ndefault login anonymous password me\n",
    path: ["h", "password"],
    value: "T",
    after:
      "machine a.example login x password y\nmachine b.example\n  login z # who\n  password w\nmacdef init\nmachine nowhere login\n\nmachine h password T\ndefault login anonymous password me\n",
  },
];

describe.each(ADDED)("$syntax: $name", ({ syntax, text, path, value, after }) => {
  const { get, set, remove } = SYNTAXES[syntax];

  test("puts a new setting beside what is there, and nothing else changes", () => {
    expect(set(text, path, value)).toBe(after);
    expect(get(after, path)).toEqual(value);
  });

  test("the same again changes nothing; another value changes only the value", () => {
    expect(set(after, path, value)).toBe(after);
    if (typeof value !== "string") return;
    const other = set(after, path, "other");
    expect(get(other, path)).toBe("other");
    expect(set(other, path, value)).toBe(after);
  });

  test("takes it out again", () => {
    if (syntax === "json") return;
    const eol = text.includes("\r\n") ? "\r\n" : "\n";
    expect([text, text + eol]).toContain(remove(after, path));
  });

  test("starts a file", () => {
    const made = set("", path, value);
    expect(get(made, path)).toEqual(value);
    const gone = remove(made, path);
    expect(gone.replace(/<\?xml.*?\?>|<(\w+)>\s*<\/\1>|\{\}|\s/g, "")).toBe("");
  });
});

interface Change {
  readonly syntax: SyntaxName;
  readonly text: string;
  readonly path: readonly string[];
  readonly old: Value;
  readonly value: Value;
  readonly after: string;
}

const CHANGED: readonly Change[] = [
  {
    syntax: "npmrc",
    text: "registry = https://registry.example/ ; corp\n",
    path: ["registry"],
    old: "https://registry.example/",
    value: "u",
    after: "registry = u ; corp\n",
  },
  {
    syntax: "npmrc",
    text: "//h/:_authToken=a\n",
    path: ["//h/:_authToken"],
    old: "a",
    value: "b",
    after: "//h/:_authToken=b\n",
  },
  {
    syntax: "configparser",
    text: "[global]\nIndex_URL: https://registry.example/simple\n",
    path: ["global", "index-url"],
    old: "https://registry.example/simple",
    value: "u",
    after: "[global]\nIndex_URL: u\n",
  },
  {
    syntax: "configparser",
    text: "[distutils]\nindex-servers =\n    pypi\n    corp\n",
    path: ["distutils", "index-servers"],
    old: "pypi\ncorp",
    value: ["pypi", "corp", "acme"],
    after: "[distutils]\nindex-servers =\n    pypi\n    corp\n    acme\n",
  },
  {
    syntax: "configparser",
    text: "[distutils]\nindex-servers = pypi corp\n",
    path: ["distutils", "index-servers"],
    old: "pypi corp",
    value: ["pypi", "corp", "acme"],
    after: "[distutils]\nindex-servers = pypi corp acme\n",
  },
  {
    syntax: "toml",
    text: '[registry]\ndefault="corp"   # why "corp"\n',
    path: ["registry", "default"],
    old: "corp",
    value: "acme",
    after: '[registry]\ndefault="acme"   # why "corp"\n',
  },
  {
    syntax: "toml",
    text: 'registries.acme.index = "x"\n',
    path: ["registries", "acme", "index"],
    old: "x",
    value: "y",
    after: 'registries.acme.index = "y"\n',
  },
  {
    syntax: "toml",
    text: 'p = [\n  "a", # first\n  "b",\n]\nq = 1\n',
    path: ["p"],
    old: ["a", "b"],
    value: ["c"],
    after: 'p = ["c"]\nq = 1\n',
  },
  {
    syntax: "yaml",
    text: "npmRegistryServer: https://registry.example # corp\n",
    path: ["npmRegistryServer"],
    old: "https://registry.example",
    value: "u",
    after: 'npmRegistryServer: "u" # corp\n',
  },
  {
    syntax: "yaml",
    text: "unsafeHttpWhitelist:\n  - a.example # a\n  # b\nx: 1\n",
    path: ["unsafeHttpWhitelist"],
    old: ["a.example"],
    value: ["a.example", "h"],
    after: 'unsafeHttpWhitelist:\n  - a.example # a\n  - "h"\n  # b\nx: 1\n',
  },
  {
    syntax: "yaml",
    text: "l: [a.example]\nx: 1\n",
    path: ["l"],
    old: ["a.example"],
    value: ["a.example", "h"],
    after: "l: [ a.example, h ]\nx: 1\n",
  },
  {
    syntax: "xml",
    text: "<settings><servers><server><id>acme</id><password><!-- old --><![CDATA[p]]></password></server></servers></settings>",
    path: ["settings", "servers", "server[id=acme]", "password"],
    old: "p",
    value: "T",
    after: "<settings><servers><server><id>acme</id><password>T</password></server></servers></settings>",
  },
  {
    syntax: "xml",
    text: "<settings>\n  <l>\n    <p>a</p>\n  </l>\n</settings>\n",
    path: ["settings", "l", "*p"],
    old: ["a"],
    value: ["a", "b"],
    after: "<settings>\n  <l>\n    <p>a</p>\n    <p>b</p>\n  </l>\n</settings>\n",
  },
  {
    syntax: "xml",
    text: "<configuration>\n  <packageSources/>\n</configuration>\n",
    path: ["configuration", "packageSources", "add[@key=a]", "@value"],
    old: "",
    value: "u",
    after:
      '<configuration>\n  <packageSources>\n    <add key="a" value="u" />\n  </packageSources>\n</configuration>\n',
  },
  { syntax: "properties", text: "a.b : x\n", path: ["a.b"], old: "x", value: "y", after: "a.b : y\n" },
  {
    syntax: "netrc",
    text: 'machine h\n\tlogin x\n\tpassword "a b"\n',
    path: ["h", "password"],
    old: "a b",
    value: "T",
    after: "machine h\n\tlogin x\n\tpassword T\n",
  },
];

test.each(CHANGED)("$syntax changes the value alone: $text", ({ syntax, text, path, old, value, after }) => {
  if (old !== "") expect(SYNTAXES[syntax].get(text, path)).toEqual(old);
  expect(SYNTAXES[syntax].set(text, path, value)).toBe(after);
});

test("removing one of several keeps the rest, and a table with a comment of its own", () => {
  expect(SYNTAXES.toml.remove("[a]\nx = 1\ny = 2\n", ["a", "x"])).toBe("[a]\ny = 2\n");
  expect(SYNTAXES.toml.remove("[a]\n# why\nx = 1\n", ["a", "x"])).toBe("[a]\n# why\n");
  expect(SYNTAXES.netrc.remove("machine h login x password y\n", ["h", "password"])).toBe(
    "machine h login x\n",
  );
  expect(SYNTAXES.netrc.remove("machine h login x\nmachine g login y\n", ["h", "login"])).toBe(
    "machine g login y\n",
  );
  expect(
    SYNTAXES.xml.remove("<s>\n  <l>\n    <p>a</p>\n    <p>b</p>\n  </l>\n</s>\n", ["s", "l", "*p"]),
  ).toBe("<s>\n</s>\n");
  expect(SYNTAXES.yaml.set("l:\n  - a\n  - b # q\n", ["l"], ["a"])).toBe("l:\n  - a\n");
  expect(SYNTAXES.json.remove('{"a":{"b":1,"c":2},"v":1}', ["a", "b"])).toBe(
    '{\n  "a": {\n    "c": 2\n  },\n  "v": 1\n}',
  );
});

const BROKEN: readonly (readonly [SyntaxName, string])[] = [
  ["configparser", "index-url = x\n"],
  ["configparser", "[global]\nthis is nothing\n"],
  ["toml", "[a\nb = 1\n"],
  ["toml", "a = 1\na = 2\n"],
  ["yaml", "a: [1\nb: {\n"],
  ["yaml", "- a\n- b\n"],
  ["xml", "<settings><servers></settings>"],
  ["xml", "<settings/><settings/>"],
  ["xml", "<other></other>"],
  ["xml", "registry = x"],
  ["json", "[1]"],
  ["json", "{"],
  ["netrc", "machine a.example login"],
  ["netrc", "hello world"],
];

test.each(BROKEN)("%s refuses what it cannot read: %j", (syntax, text) => {
  const path =
    syntax === "xml"
      ? ["settings", "servers", "x"]
      : syntax === "configparser"
        ? ["global", "a"]
        : ["p", "a"];
  expect(() => SYNTAXES[syntax].set(text, path, "v")).toThrow(Unreadable);
});

test("TOML written in a way that lines cannot edit is refused rather than guessed", () => {
  expect(() =>
    SYNTAXES.toml.set('registries = { acme = { index = "x" } }\n', ["registries", "acme", "index"], "y"),
  ).toThrow(/by hand/);
  expect(() => SYNTAXES.toml.set('index = [{ name = "x" }]\n', ["index[name=acme]", "url"], "y")).toThrow(
    /by hand/,
  );
});

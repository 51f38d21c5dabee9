// The simple index of a project as finished bytes, in its three forms; and the list of all projects.
import type { PackageKey } from "../../core/coordinates.ts";
import { Fault } from "../../core/faults.ts";
import type { PackageView, Registry } from "../../registry/registry.ts";
import { absence, sendText } from "../answers.ts";
import { createDocuments, type DocumentKind } from "../documents.ts";
import type { DoorRequest } from "../format.ts";
import { indexFilesOf } from "../index-files.ts";
import type { DocumentWorker } from "./document-worker.ts";
import { type Facts, factsOf, plainFacts } from "./facts.ts";
import { type Form, HTML_TYPE, JSON_TYPE, wantsForm } from "./negotiation.ts";
import { assembleProject } from "./project.ts";
import type { Refreshes } from "./refresh.ts";
import { renderHtml, renderJson, renderNamesHtml, renderNamesJson } from "./simple-text.ts";

/** Grows when the same facts would make other bytes, so that clients' and proxies' copies end. */
const RENDERING = 1;
/** Pages of more held files than this are put together on the thread. */
const INLINE_FILES_MAX = 200;

const KINDS: Readonly<Record<Form, DocumentKind>> = {
  json: { name: "json", contentType: JSON_TYPE },
  "v1-html": { name: "v1-html", contentType: HTML_TYPE },
  html: { name: "html", contentType: "text/html; charset=utf-8" },
};

export interface Simple {
  /** Answers GET and HEAD of a project's page; synchronously when nothing changed since the last time. */
  serve(request: DoorRequest, key: PackageKey): Promise<void> | void;
  /** The names of projects held here or in what is searched from here. Public ones that nobody fetched are not among them. */
  serveNames(request: DoorRequest): Promise<void>;
}

export interface SimpleDeps {
  readonly registry: Registry;
  readonly worker: DocumentWorker;
  readonly refreshes: Refreshes;
  /** Memory for finished documents, bytes. */
  readonly cacheBytes: number;
}

export function createSimple({ registry, worker, refreshes, cacheBytes }: SimpleDeps): Simple {
  const documents = createDocuments({
    registry,
    cacheBytes,
    rendering: RENDERING,
    async build(view, kind, base) {
      const facts = await factsOf(registry, view);
      refreshes.note(view, facts);
      const bytes = await render(view, facts, kind === KINDS.json ? "json" : "html", base);
      if (bytes === undefined) throw absence(view, view.key.name);
      return bytes;
    },
  });

  async function render(
    view: PackageView,
    facts: Facts,
    form: "json" | "html",
    base: string,
  ): Promise<Buffer | undefined> {
    const count = facts.held.reduce((sum, { files }) => sum + files.length, 0);
    if (view.external.length === 0 && count <= INLINE_FILES_MAX) {
      const project = assembleProject(facts, []);
      if (project === undefined) return undefined;
      return Buffer.from(form === "json" ? renderJson(project, base) : renderHtml(project, base));
    }
    const bytes = await worker.ask("page", {
      facts: plainFacts(facts),
      files: indexFilesOf(view),
      form,
      base,
    });
    return bytes === undefined ? undefined : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  return {
    serve(request, key) {
      const done = documents.serve(request, key, KINDS[formOf(request)]);
      return done?.then(() => refreshes.start(request, key));
    },
    async serveNames(request) {
      const form = formOf(request);
      registry.authorize(request.caller, "ReadFromRepository", request.repository);
      const names = await allNames(registry, request);
      const text = form === "json" ? renderNamesJson(names) : renderNamesHtml(names, request.baseUrl);
      sendText(request, 200, KINDS[form].contentType, text, ["vary", "accept"]);
    },
  };
}

function formOf({ req }: DoorRequest): Form {
  const form = wantsForm(req.headers.accept);
  if (form !== undefined) return form;
  throw new Fault(
    "NotAcceptable",
    `The simple index is served as ${JSON_TYPE}, ${HTML_TYPE} or text/html; the request accepts none of them.`,
  );
}

const NAMES_PAGE = 1_000;

async function allNames(registry: Registry, { repository }: DoorRequest): Promise<string[]> {
  const names: string[] = [];
  let after: PackageKey | undefined;
  for (;;) {
    const page = await registry.packageNames(repository, "pypi", after, NAMES_PAGE);
    names.push(...page.map(({ name }) => name));
    if (page.length < NAMES_PAGE) return names;
    after = page.at(-1);
  }
}

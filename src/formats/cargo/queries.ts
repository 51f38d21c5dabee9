// What cargo and its users ask beside the index and the files: where things are, search, and how to log in.
import { invalid } from "../../core/faults.ts";
import type { Registry, SearchHit } from "../../registry/registry.ts";
import { printable, sendJson, sendText } from "../answers.ts";
import type { DoorRequest } from "../format.ts";
import { readAbout } from "./crate-text.ts";

/** `GET /config.json`. Behind a token like everything else, which cargo learns by the 401 and from the member (spec 8.8.1). */
export function config(registry: Registry, request: DoorRequest): void {
  registry.authorize(request.caller, "ReadFromRepository", request.repository, null);
  const base = request.baseUrl.replace(/\/$/, "");
  sendJson(request, 200, { dl: `${base}/api/v1/crates`, api: base, "auth-required": true });
}

/** `GET /me`: where `cargo login` sends people for a token. */
export function me(registry: Registry, request: DoorRequest): void {
  registry.authorize(request.caller, "ReadFromRepository", request.repository, null);
  sendText(
    request,
    200,
    "text/plain; charset=utf-8",
    `You are ${request.caller.name}. Tokens for cargo come from 'aws codeartifact get-authorization-token' or 'portcullis token create'; 'portcullis login cargo' sets cargo up.\n`,
  );
}

const PER_PAGE_MAX = 100;
const PER_PAGE = 10;

/** `cargo search`: names held here and upstream of here that hold every word. */
export async function search(registry: Registry, request: DoorRequest): Promise<void> {
  registry.authorize(request.caller, "ReadFromRepository", request.repository);
  const query = new URLSearchParams(request.query);
  const size = Math.min(whole(query.get("per_page"), PER_PAGE), PER_PAGE_MAX);
  const page = whole(query.get("page"), 1);
  const { hits, total } = await registry.search(
    request.repository,
    "cargo",
    (query.get("q") ?? "").slice(0, 500),
    (page - 1) * size,
    size,
  );
  sendJson(request, 200, { crates: hits.map(describeHit), meta: { total } });
}

function whole(text: string | null, fallback: number): number {
  const value = text === null || text === "" ? fallback : Number(text);
  if (!Number.isSafeInteger(value) || value < 1)
    throw invalid("'per_page' and 'page' are whole numbers from 1.");
  return value;
}

function describeHit({ key, version, document, publishedAt }: SearchHit) {
  const { description } = readAbout(document);
  return {
    id: key.name,
    name: key.name,
    max_version: version,
    description: description === undefined ? null : printable(description.trim()),
    updated_at: new Date(publishedAt).toISOString(),
  };
}

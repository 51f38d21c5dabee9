// Plays operations on packages through an address, and records for each when it was sent, when it was answered, and what.
import { createHash } from "node:crypto";
import {
  type CodeartifactClient,
  CodeartifactServiceException,
  DeletePackageCommand,
  DeletePackageVersionsCommand,
  type DeletePackageVersionsCommandOutput,
  DescribePackageCommand,
  ListPackageVersionsCommand,
  PutPackageOriginConfigurationCommand,
  UpdatePackageVersionsStatusCommand,
} from "@aws-sdk/client-codeartifact";
import type { Domain } from "../api.ts";
import { withDeadline } from "../checks.ts";
import type { Registry } from "../clients/client.ts";
import type { PublishBody } from "../packages.ts";
import { bearer } from "../suites/npm-clients.ts";
import { type Answer, type Sending, send } from "../wire.ts";
import type { Operation } from "./linearizable.ts";
import { type Input, listing, type Output } from "./package-model.ts";

/** An operation on one package, with what the server called the request. */
export interface Played extends Operation<Input, Output> {
  readonly package: string;
  /** Of changes through the API. */
  readonly requestId: string | undefined;
}

/** One repository as it is reached at one address. */
export interface Door {
  readonly domain: Pick<Domain, "name" | "client">;
  readonly repository: string;
  readonly registry: Registry;
  /** Of a repository that holds nothing and has this one as its upstream. */
  readonly below: Registry;
}

/** What one call came to. Without an output it is not known whether it took effect. */
interface Outcome {
  readonly output?: Output;
  readonly requestId?: string | undefined;
}

/** Whatever happens, an answer comes within this time; the documents' own bound for a public registry is 60 s. */
const BOUND_MS = 60_000;

/** Takes operations of many players at once and keeps them with the order of their ends. */
export class Recorder {
  readonly operations: Played[] = [];
  /** Answers that no operation may have, and operations without an end. */
  readonly wrong: string[] = [];
  /** How often each kind of answer was none: by status, or by the error of the connection. */
  readonly lost = new Map<string, number>();
  #clock = 0;

  /** `body` is what a publish sends. */
  async play(door: Door, name: string, input: Input, body?: PublishBody): Promise<Played> {
    const sent = this.#clock++;
    const { output, requestId } = await withDeadline(carryOut(door, name, input, body), BOUND_MS).catch(
      (error: unknown) => this.#withoutOutput(error, `${input.call} ${name}`),
    );
    const answered = output === undefined ? Number.POSITIVE_INFINITY : this.#clock++;
    const played = { package: name, input, output, sent, answered, requestId };
    this.operations.push(played);
    return played;
  }

  #withoutOutput(error: unknown, what: string): Outcome {
    if (error instanceof Lost) this.lost.set(error.message, (this.lost.get(error.message) ?? 0) + 1);
    else this.wrong.push(`${what}: ${error instanceof Error ? error.message : String(error)}`);
    return {};
  }
}

/** There was no answer, or one that leaves open what happened. */
class Lost extends Error {}

function carryOut(door: Door, name: string, input: Input, body?: PublishBody): Promise<Outcome> {
  switch (input.call) {
    case "publish":
      return publish(door, name, body);
    case "document":
      return readDocument(input.below === true ? door.below : door.registry, name);
    case "download":
      return download(door, name, input.version);
    default:
      return callApi(door, name, input);
  }
}

async function publish({ registry }: Door, name: string, made?: PublishBody): Promise<Outcome> {
  const headers = { ...bearer(registry), "content-type": "application/json" };
  const answer = await ask(`${registry.url}${name}`, {
    method: "PUT",
    headers,
    ...(made && { body: made.body }),
  });
  const outputs = new Map([
    [200, "done"],
    [201, "done"],
    [403, "refused"],
    [409, "conflict"],
  ]);
  return told(answer, outputs.get(answer.status));
}

async function readDocument(registry: Registry, name: string): Promise<Outcome> {
  const answer = await ask(`${registry.url}${name}`, { headers: bearer(registry) });
  if (answer.status !== 200) return told(answer, answer.status === 404 ? "absent" : undefined);
  const { versions }: { versions: Record<string, { dist: { integrity: string } }> } = JSON.parse(answer.text);
  return told(
    answer,
    listing(Object.entries(versions).map(([number, { dist }]) => [number, dist.integrity])) || "absent",
  );
}

async function download({ registry }: Door, name: string, version: string): Promise<Outcome> {
  const answer = await ask(`${registry.url}${name}/-/${name}-${version}.tgz`, { headers: bearer(registry) });
  if (answer.status !== 200) return told(answer, answer.status === 404 ? "absent" : undefined);
  return told(answer, `sha512-${createHash("sha512").update(answer.body).digest("base64")}`);
}

async function ask(url: string, sending: Sending): Promise<Answer> {
  const answer = await send(url, sending).catch((error: NodeJS.ErrnoException) => {
    throw new Lost(error.code ?? error.message);
  });
  if (answer.status >= 500) throw new Lost(`status ${answer.status}`);
  return answer;
}

function told({ status, text }: Answer, output: Output | undefined): Outcome {
  if (output === undefined) throw new Error(`${status} ${text.slice(0, 300)}`);
  return { output };
}

type ApiInput = Exclude<Input, { readonly call: "publish" | "document" | "download" }>;

async function callApi({ domain, repository }: Door, name: string, input: ApiInput): Promise<Outcome> {
  const place = { domain: domain.name, repository, format: "npm", package: name } as const;
  try {
    return await sendApi(domain.client, place, input);
  } catch (error) {
    if (!(error instanceof CodeartifactServiceException)) throw new Lost(codeOf(error));
    const { httpStatusCode = 0, requestId } = error.$metadata;
    if (httpStatusCode >= 500) throw new Lost(`status ${httpStatusCode}`);
    if (error.name !== "ResourceNotFoundException") throw error;
    return { output: "absent", requestId };
  }
}

/** The balancer's own page for a node that has gone is no JSON, and the client fails on that. */
function codeOf(error: unknown): string {
  const { code, name, message, $response } = error as NodeJS.ErrnoException & {
    readonly $response?: { readonly statusCode?: number };
  };
  return $response?.statusCode === undefined
    ? (code ?? `${name}: ${message}`)
    : `status ${$response.statusCode}`;
}

interface Place {
  readonly domain: string;
  readonly repository: string;
  readonly format: "npm";
  readonly package: string;
}

async function sendApi(client: CodeartifactClient, place: Place, input: ApiInput): Promise<Outcome> {
  switch (input.call) {
    case "delete": {
      const versions = [input.version];
      const answer = await client.send(new DeletePackageVersionsCommand({ ...place, versions }));
      return batch(answer, input.version);
    }
    case "set status": {
      const change = { versions: [input.version], targetStatus: input.status };
      const answer = await client.send(new UpdatePackageVersionsStatusCommand({ ...place, ...change }));
      return batch(answer, input.version);
    }
    case "delete package": {
      const { $metadata } = await client.send(new DeletePackageCommand(place));
      return { output: "done", requestId: $metadata.requestId };
    }
    case "set origin": {
      const { publish, upstream } = input;
      const command = new PutPackageOriginConfigurationCommand({
        ...place,
        restrictions: { publish, upstream },
      });
      const { $metadata } = await client.send(command);
      return { output: "done", requestId: $metadata.requestId };
    }
    case "list": {
      const { versions = [] } = await client.send(new ListPackageVersionsCommand(place));
      return { output: listing(versions.map(({ version, status }) => [version ?? "", status ?? ""])) };
    }
    case "describe": {
      const answer = await client.send(new DescribePackageCommand(place));
      const settings = answer.package?.originConfiguration?.restrictions;
      return { output: `${settings?.publish}/${settings?.upstream}` };
    }
  }
}

/** One version of a batch call: done, or not found. */
function batch(answer: DeletePackageVersionsCommandOutput, version: string): Outcome {
  const { requestId } = answer.$metadata;
  if (answer.successfulVersions?.[version] !== undefined) return { output: "done", requestId };
  const { errorCode, errorMessage } = answer.failedVersions?.[version] ?? {};
  if (errorCode !== "NOT_FOUND") throw new Error(`${errorCode}: ${errorMessage}`);
  return { output: "absent", requestId };
}

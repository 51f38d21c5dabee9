// STS next door, at `POST /`: who am I, and taking on a role by name or by a web identity; the query protocol, so that SDKs and Terraform work unchanged.
import { createHash } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { Fault, invalid } from "../core/faults.ts";
import type { Log } from "../core/log.ts";
import type { ClientAddress } from "../http/client-address.ts";
import { drain } from "../http/drain.ts";
import { noteCaller, noteFault, noteOperation, noteParameters } from "../registry/request-note.ts";
import type { StsDeps } from "./assume-role.ts";
import { assumeRole } from "./assume-role.ts";
import { readBody } from "./body.ts";
import type { Authenticate, AwsDoor } from "./dispatch.ts";

export interface StsDoorOptions {
  /** Proves a signature made for the service `sts`. */
  readonly authenticate: Authenticate;
  readonly deps: StsDeps;
  readonly log: Log;
  readonly addressOf: ClientAddress;
}

const BODY_BYTES_MAX = 64 * 1024;
const VERSION = "2011-06-15";
const NAMESPACE = `https://sts.amazonaws.com/doc/${VERSION}/`;

/** A tree of elements; undefined ones are left out. */
export interface Xml {
  readonly [name: string]: string | number | Xml | undefined;
}

/** Makes the handler. It never rejects: whatever goes wrong becomes an answer. */
export function createStsDoor(options: StsDoorOptions): AwsDoor {
  return async (req, res, requestId, current) => {
    try {
      await current;
      send(res, 200, await answer(options, req, requestId), requestId);
    } catch (error) {
      if (req.destroyed && !req.complete) return;
      sendFault(options.log, res, error, requestId);
    }
    drain(req);
  };
}

async function answer(options: StsDoorOptions, req: IncomingMessage, requestId: string): Promise<string> {
  const { authenticate, deps } = options;
  const body = await readBody(req, BODY_BYTES_MAX);
  const signed = {
    method: req.method ?? "",
    target: req.url ?? "",
    headers: req.rawHeaders,
    bodySha256: () => Promise.resolve(createHash("sha256").update(body).digest("hex")),
  };
  const input = new URLSearchParams(body.toString("utf8"));
  const action = input.get("Action") ?? "";
  noteOperation("sts", action.slice(0, 100));
  noteParameters(toldOf(input));
  const address = options.addressOf(req);
  const result = async (): Promise<Xml> => {
    // The one action that is not signed: its token is the proof.
    if (action === "AssumeRoleWithWebIdentity") {
      // Loaded when somebody has such a token: its library is large.
      const { assumeRoleWithWebIdentity } = await import("./web-identity.ts");
      return assumeRoleWithWebIdentity(deps, input, address);
    }
    const caller = await authenticate(signed, address);
    noteCaller(caller);
    checkVersion(input);
    switch (action) {
      case "GetCallerIdentity":
        return { Arn: caller.arn, UserId: caller.userId ?? caller.arn, Account: caller.account };
      case "AssumeRole":
        return assumeRole(deps, caller, input);
      default:
        throw new Fault("ValidationException", `STS here has no action '${action.slice(0, 100)}'.`, {
          exception: "InvalidAction",
        });
    }
  };
  if (action === "AssumeRoleWithWebIdentity") checkVersion(input);
  const content = { [`${action}Result`]: await result(), ResponseMetadata: { RequestId: requestId } };
  return `<${action}Response xmlns="${NAMESPACE}">${render(content)}</${action}Response>`;
}

function checkVersion(input: URLSearchParams): void {
  if (input.get("Version") !== VERSION) throw invalid(`The Version must be ${VERSION}.`);
}

/** Not its tokens. */
function toldOf(input: URLSearchParams): object {
  const told = ["RoleArn", "RoleSessionName", "DurationSeconds"];
  return Object.fromEntries([...input].filter(([name]) => told.includes(name)));
}

function render(xml: Xml): string {
  return Object.entries(xml)
    .map(([name, value]) =>
      value === undefined
        ? ""
        : `<${name}>${typeof value === "object" ? render(value) : escape(String(value))}</${name}>`,
    )
    .join("");
}

function escape(text: string): string {
  return text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
}

/** STS words what CodeArtifact calls otherwise. */
const CODES: Readonly<Record<string, string>> = {
  AccessDeniedException: "AccessDenied",
  ValidationException: "ValidationError",
  Unauthenticated: "InvalidClientTokenId",
  UnrecognizedClientException: "InvalidClientTokenId",
  InvalidSignatureException: "SignatureDoesNotMatch",
  ExpiredTokenException: "ExpiredToken",
  // Of a web identity, AWS gives the code with its suffix.
  ExpiredWebIdentityToken: "ExpiredTokenException",
  MissingAuthenticationTokenException: "MissingAuthenticationToken",
  IncompleteSignatureException: "IncompleteSignature",
};

function sendFault(log: Log, res: ServerResponse, error: unknown, requestId: string): void {
  noteFault(error);
  if (!(error instanceof Fault)) {
    log.error({ err: error, requestId }, "an STS request failed");
    sendError(res, 500, "InternalFailure", "The server could not complete the request.", requestId);
    return;
  }
  const name = error.detail.exception ?? error.code;
  const status = error.code === "Unauthenticated" ? 403 : error.status;
  sendError(res, status, CODES[name] ?? name, error.message, requestId);
}

function sendError(
  res: ServerResponse,
  status: number,
  code: string,
  message: string,
  requestId: string,
): void {
  const Type = status < 500 ? "Sender" : "Receiver";
  const content = render({ Error: { Type, Code: code, Message: message }, RequestId: requestId });
  send(res, status, `<ErrorResponse xmlns="${NAMESPACE}">${content}</ErrorResponse>`, requestId);
}

function send(res: ServerResponse, status: number, text: string, requestId: string): void {
  res.writeHead(status, {
    "content-type": "text/xml",
    "content-length": Buffer.byteLength(text),
    "x-amzn-requestid": requestId,
  });
  res.end(text);
}

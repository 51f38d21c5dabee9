// A server in front of the server under test: passes on the API and npm's door, and notes what other clients ask for, with whose token.

import { once } from "node:events";
import { createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import { buffer } from "node:stream/consumers";

export interface Seen {
  readonly method: string;
  readonly path: string;
  /** The token, whichever scheme carried it; undefined: none. */
  readonly token: string | undefined;
  readonly scheme: string;
}

export interface Stub {
  readonly endpoint: string;
  readonly seen: Seen[];
  /** Every token that GetAuthorizationToken gave through it, in order. */
  readonly issued: string[];
  close(): void;
}

/** Documents that clients need before they go on, by the end of the path. */
export type Answers = (path: string, endpoint: string) => string | undefined;

export async function startStub(target: string, answers: Answers): Promise<Stub> {
  const seen: Seen[] = [];
  const issued: string[] = [];
  const server = createServer((req, res) => {
    const path = req.url ?? "";
    if (/^\/(v1\/|npm\/|$)/.test(path)) return passOn(target, req, res, issued);
    const note = { method: req.method ?? "", path, ...tokenOf(req) };
    seen.push(note);
    req.resume();
    if (note.token === undefined) {
      res.writeHead(401, { "www-authenticate": 'Basic realm="portcullis", Bearer realm="portcullis"' });
      return res.end();
    }
    const answer = answers(path, `http://${req.headers.host}`);
    res.writeHead(answer === undefined ? 404 : 200);
    res.end(answer ?? "");
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return {
    endpoint: `http://127.0.0.1:${address.port}`,
    seen,
    issued,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

function tokenOf({ headers: { authorization = "" } }: IncomingMessage): {
  token: string | undefined;
  scheme: string;
} {
  const [, scheme = "bare", value = authorization] = /^(Basic|Bearer) (.*)$/i.exec(authorization) ?? [];
  if (value === "") return { token: undefined, scheme: "none" };
  if (scheme.toLowerCase() !== "basic") return { token: value, scheme };
  const password = Buffer.from(value, "base64")
    .toString("utf8")
    .replace(/^[^:]*:/, "");
  return { token: password === "" ? undefined : password, scheme };
}

/** With the Host that was signed: so the server takes this one for its own address. */
function passOn(target: string, req: IncomingMessage, res: ServerResponse, issued: string[]): void {
  const { hostname, port } = new URL(target);
  const outgoing = request(
    { hostname, port, method: req.method, path: req.url, headers: req.headers },
    (answer) => {
      buffer(answer).then(
        (body) => {
          const token = /"authorizationToken":"([^"]+)"/.exec(body.toString())?.[1];
          if (token !== undefined) issued.push(token);
          res.writeHead(answer.statusCode ?? 502, answer.headers);
          res.end(body);
        },
        () => res.destroy(),
      );
    },
  );
  outgoing.on("error", () => res.destroy());
  req.pipe(outgoing);
}

// nginx as deploy/ configures it sends a write to one node only, whatever becomes of it there; a read goes on to another.
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Balancer, startBalancer } from "../conformance/balancer.ts";
import { installed } from "../conformance/ground.ts";
import { freePort } from "../conformance/processes.ts";
import { send } from "../conformance/wire.ts";

describe.skipIf(!installed("nginx", "-v"))(
  "two nodes that take requests and break off (skipped without nginx)",
  () => {
    const taken: string[] = [];
    const nodes: Server[] = [];
    let folder: string;
    let balancer: Balancer;
    let url: string;

    beforeAll(async () => {
      for (const _ of [1, 2]) {
        const node = createServer((request, response) => {
          if (request.url === "/healthz") return void response.end("ok");
          request.resume().once("end", () => {
            taken.push(request.method ?? "");
            request.socket.destroy();
          });
        });
        await new Promise<void>((resolve) => node.listen(0, "127.0.0.1", resolve));
        nodes.push(node);
      }
      folder = await mkdtemp(join(tmpdir(), "portcullis-balancer-"));
      const port = await freePort();
      url = `http://127.0.0.1:${port}`;
      const ports = nodes.map((node) => (node.address() as AddressInfo).port);
      balancer = await startBalancer(folder, port, ports);
    });
    afterAll(async () => {
      await balancer.stop();
      for (const node of nodes) node.close();
      await rm(folder, { recursive: true, force: true });
    });

    /** How often the nodes were asked by the time of the answer. */
    async function timesAsked(method: string, body?: string): Promise<number> {
      // A node that has failed is left out until more than one of nginx's whole seconds has passed; both must be in.
      await new Promise((resolve) => setTimeout(resolve, 2_100));
      taken.length = 0;
      const answer = await send(`${url}/asked`, { method, ...(body === undefined ? {} : { body }) });
      expect(answer.status).toBe(502);
      expect(new Set(taken)).toEqual(new Set([method]));
      return taken.length;
    }

    test("a publish is sent once, its body small or large", async () => {
      expect(await timesAsked("PUT", "{}")).toBe(1);
      expect(await timesAsked("PUT", "x".repeat(1_000_000))).toBe(1);
    });

    test("so are a deletion and a call of the API", async () => {
      expect(await timesAsked("DELETE")).toBe(1);
      expect(await timesAsked("PATCH", "{}")).toBe(1);
      expect(await timesAsked("POST", "{}")).toBe(1);
    });

    test("a read goes on to the other node", async () => {
      expect(await timesAsked("GET")).toBe(2);
    });
  },
);

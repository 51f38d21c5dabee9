// The one page of metrics of all workers: sums that never fall, and whose memory it is.
import { Counter, Gauge, Histogram, Registry } from "prom-client";
import { expect, test } from "vitest";
import type { Snapshot } from "../http/metrics.ts";
import { replacementDelayMs } from "./primary.ts";
import { createScrapes } from "./scrapes.ts";
import { createTotals } from "./totals.ts";

/** What a worker that answered so many requests tells. */
async function worker(requests: number, memory: number): Promise<Snapshot> {
  const registers = [new Registry()];
  const counter = new Counter({ name: "requests_total", help: "h", labelNames: ["door"], registers });
  counter.inc({ door: "npm" }, requests);
  const seconds = new Histogram({ name: "seconds", help: "h", buckets: [1, 5], registers });
  for (let i = 0; i < requests; i++) seconds.observe(2);
  new Gauge({ name: "process_memory_bytes", help: "h", registers }).set(memory);
  new Gauge({ name: "portcullis_cached_bytes", help: "h", registers }).set(memory);
  return (registers[0] as Registry).getMetricsAsJSON();
}

test("counters, histograms and the service's gauges are sums; gauges of a process name their worker", async () => {
  const totals = createTotals();
  totals.heard(0, await worker(2, 10));
  totals.heard(1, await worker(3, 20));
  const page = await totals.page([]);
  expect(page).toContain('requests_total{door="npm"} 5\n');
  expect(page).toContain('seconds_bucket{le="1"} 0\n');
  expect(page).toContain('seconds_bucket{le="5"} 5\n');
  expect(page).toContain("seconds_count 5\n");
  expect(page).toContain('process_memory_bytes{worker="0"} 10\n');
  expect(page).toContain('process_memory_bytes{worker="1"} 20\n');
  expect(page).toContain("portcullis_cached_bytes 30\n");
  expect(page.match(/# TYPE requests_total counter/g)).toHaveLength(1);
});

test("what an ended worker counted stays; what it held does not; its successor counts on from there", async () => {
  const totals = createTotals();
  totals.heard(0, await worker(2, 10));
  totals.heard(1, await worker(3, 20));
  totals.ended(1);
  expect(await totals.page([])).toContain('requests_total{door="npm"} 5\n');
  expect(await totals.page([])).not.toContain('worker="1"');
  totals.heard(1, await worker(1, 5));
  totals.ended(1);
  totals.ended(1); // it ended again before it said anything
  const page = await totals.page([]);
  expect(page).toContain('requests_total{door="npm"} 6\n');
  expect(page).toContain("seconds_count 6\n");
  expect(page).toContain("portcullis_cached_bytes 10\n");
});

test("a worker that ends while the page is gathered does not hold it up", async () => {
  const scrapes = createScrapes(() => [
    { index: 0, tell: () => undefined },
    { index: 1, tell: () => undefined },
  ]);
  scrapes.heard(1, undefined, await worker(3, 20));
  const page = scrapes.page();
  scrapes.heard(0, 1, await worker(2, 10));
  scrapes.ended(1);
  expect(await page).toContain('requests_total{door="npm"} 5\n');
});

test("a place that keeps losing its worker is filled ever later, every half minute at last", () => {
  expect([0, 1, 2, 3, 6, 7, 100].map(replacementDelayMs)).toEqual([
    0, 500, 1_000, 2_000, 16_000, 30_000, 30_000,
  ]);
});

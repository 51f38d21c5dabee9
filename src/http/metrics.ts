// What the operator's Prometheus reads at /metrics.
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";

export interface Metrics {
  /** Counts a finished request. `door` is "api", a format's name or "other"; durations in seconds. */
  observe(door: string, method: string, status: number, seconds: number): void;
  /** A number read when asked for, e.g. bytes in a cache. */
  gauge(name: string, help: string, read: () => number): void;
  /** The same of a number that only grows. */
  counter(name: string, help: string, read: () => number): void;
  render(): Promise<{ readonly contentType: string; readonly body: string }>;
}

/** All numbers of one process at a moment, as prom-client tells them. */
export type Snapshot = Awaited<ReturnType<Registry["getMetricsAsJSON"]>>;

/** Given a process's own numbers, the page of it and all that serve beside it. */
export type SharedPage = (own: () => Promise<Snapshot>) => () => Promise<string>;

const METHODS = new Set(["GET", "HEAD", "PUT", "POST", "DELETE"]);

export function createMetrics(shared?: SharedPage): Metrics {
  const registry = new Registry();
  const page = shared?.(() => registry.getMetricsAsJSON()) ?? (() => registry.metrics());
  collectDefaultMetrics({ register: registry });
  const requests = new Counter({
    name: "portcullis_http_requests_total",
    help: "Requests answered, by door, method and status",
    labelNames: ["door", "method", "status"],
    registers: [registry],
  });
  const durations = new Histogram({
    name: "portcullis_http_request_duration_seconds",
    help: "Time from the request's head to the end of the answer, by door",
    labelNames: ["door"],
    buckets: [0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10, 60],
    registers: [registry],
  });
  // Label look-ups hash their labels: hold on to the few children there are.
  const counters = new Map<string, Counter.Internal>();
  const timers = new Map<string, Histogram.Internal<"door">>();
  return {
    observe(door, method, status, seconds) {
      const verb = METHODS.has(method) ? method : "OTHER";
      const name = `${door} ${verb} ${status}`;
      let counter = counters.get(name);
      if (counter === undefined) counters.set(name, (counter = requests.labels(door, verb, String(status))));
      counter.inc();
      let timer = timers.get(door);
      if (timer === undefined) timers.set(door, (timer = durations.labels(door)));
      timer.observe(seconds);
    },
    gauge(name, help, read) {
      new Gauge({
        name,
        help,
        registers: [registry],
        collect() {
          this.set(read());
        },
      });
    },
    counter(name, help, read) {
      new Counter({
        name,
        help,
        registers: [registry],
        collect() {
          this.reset();
          this.inc(read());
        },
      });
    },
    async render() {
      return { contentType: registry.contentType, body: await page() };
    },
  };
}

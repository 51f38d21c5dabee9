// One run for all who ask at the same time.
import { expect, test } from "vitest";
import { createSingleFlight } from "./single-flight.ts";

test("callers under one key share a run and its outcome; other keys and later callers do not", async () => {
  const flights = createSingleFlight<number>();
  let runs = 0;
  const work = async () => ++runs;
  expect(await Promise.all([flights.run("a", work), flights.run("a", work), flights.run("b", work)])).toEqual(
    [1, 1, 2],
  );
  expect(await flights.run("a", work)).toBe(3);
});

test("a failed run fails all who wait and is not remembered", async () => {
  const flights = createSingleFlight<number>();
  const fail = () => Promise.reject(new Error("no"));
  const both = [flights.run("a", fail), flights.run("a", async () => 1)];
  expect(await Promise.allSettled(both)).toMatchObject([{ status: "rejected" }, { status: "rejected" }]);
  expect(await flights.run("a", async () => 2)).toBe(2);
  await flights.settled();
});

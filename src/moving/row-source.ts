// Where rows are read from: a database at one moment, or a backup. The comments are the contract.
import type { Row } from "./rows.ts";
import type { Table } from "./tables.ts";

export interface RowSource {
  /** What it is, for people; without passwords. */
  readonly name: string;
  /** Which installation's rows they are: the same for its copies, "" before its first start. */
  readonly installation: string;
  /** The migrations that its schema has had. */
  readonly level: readonly string[];
  /** The tables that are carried, each after those that it refers to. */
  readonly tables: readonly Table[];
  /** Table → the last number that its identity column has given out, which may be of a row that is gone. */
  readonly sequences: Readonly<Record<string, number>>;
  /** The table's rows in key order, text by its bytes; a few at a time are in memory. Without the mark of an unfinished move. */
  rows(table: Table): AsyncIterable<Row>;
  /** Every blob that assets point at, once, by digest. */
  contents(): AsyncIterable<Content>;
  close(): Promise<void>;
}

/** A blob that rows speak of. */
export interface Content {
  readonly sha256: string;
  readonly size: number;
}

/** A database as it is at one moment: everything that is read of it until `close` belongs together. */
export interface Snapshot extends RowSource {
  /** Set while a move into this database has not been finished. */
  readonly unfinished: string | undefined;
}

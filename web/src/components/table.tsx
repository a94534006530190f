import type { ComponentChildren } from "preact";
import { t } from "../lib/i18n";
import { Icon } from "./icon";
import { Stretch } from "./table-stretch";

const STRETCH_ROWS = 50;

export interface Column<Row> {
  key: string;
  title: string;
  cell: (row: Row) => ComponentChildren;
  /** Right aligned, tabular figures. */
  isNumber?: boolean;
  canSort?: boolean;
  /** Left out on narrow screens, where the row is a card. */
  isMinor?: boolean;
}

export interface Sort {
  key: string;
  isDescending: boolean;
}

export interface TableProps<Row> {
  label: string;
  columns: readonly Column<Row>[];
  rows: readonly Row[];
  rowKey: (row: Row) => string;
  sort?: Sort;
  onSort?: (sort: Sort) => void;
  /** Makes the whole row open something; a link or button inside must do the same for the keyboard. */
  onOpen?: (row: Row) => void;
}

/** Rows and columns; on a narrow screen each row becomes a card. */
export function Table<Row>({ label, columns, rows, rowKey, sort, onSort, onOpen }: TableProps<Row>) {
  return (
    <div class="table-frame">
      <table class="table">
        <caption class="only-heard">{label}</caption>
        <thead>
          <tr>
            {columns.map((column) => (
              <Head key={column.key} column={column} sort={sort} onSort={onSort} />
            ))}
          </tr>
        </thead>
        {stretches(rows).map((some, index) => (
          <Stretch key={index} rows={some} columns={columns} rowKey={rowKey} onOpen={onOpen} classes={classes} />
        ))}
      </table>
    </div>
  );
}

function Head<Row>({ column, sort, onSort }: { column: Column<Row>; sort?: Sort; onSort?: (sort: Sort) => void }) {
  const isSorted = sort?.key === column.key;
  if (!column.canSort || !onSort) return <th scope="col" class={classes(column)}>{column.title}</th>;
  return (
    <th scope="col" class={classes(column)} aria-sort={isSorted ? (sort.isDescending ? "descending" : "ascending") : "none"}>
      <button
        type="button" class="table-sort" title={t("table.sort", { column: column.title })}
        onClick={() => onSort({ key: column.key, isDescending: isSorted ? !sort.isDescending : false })}
      >
        {column.title}
        <span class={isSorted ? "" : "table-unsorted"}><Icon name={isSorted && sort.isDescending ? "down" : "up"} size={14} /></span>
      </button>
    </th>
  );
}

function classes<Row>(column: Column<Row>): string | undefined {
  const names = [column.isNumber ? "table-number num" : "", column.isMinor ? "table-minor" : ""].filter(Boolean);
  return names.length > 0 ? names.join(" ") : undefined;
}

/** Short tables are one stretch; long ones are cut, so that only what is near the screen costs anything. */
function stretches<Row>(rows: readonly Row[]): (readonly Row[])[] {
  const count = Math.max(1, Math.ceil(rows.length / STRETCH_ROWS));
  return Array.from({ length: count }, (_, index) => rows.slice(index * STRETCH_ROWS, (index + 1) * STRETCH_ROWS));
}

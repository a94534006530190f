import type { ComponentChildren } from "preact";
import { t } from "../lib/i18n";
import { Icon } from "./icon";

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
        <tbody>
          {rows.map((row) => (
            <tr
              key={rowKey(row)}
              class={onOpen ? "table-opens" : undefined}
              onClick={onOpen ? (event) => opens(event) && onOpen(row) : undefined}
            >
              {columns.map((column) => (
                <td key={column.key} data-title={column.title} class={classes(column)}>{column.cell(row)}</td>
              ))}
            </tr>
          ))}
        </tbody>
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

/** A click on a control within the row, or the end of a text selection, does not open it. */
function opens(event: MouseEvent): boolean {
  if ((event.target as Element).closest("a, button, input, select, label")) return false;
  return String(getSelection() ?? "") === "";
}

import { Component } from "preact";
import type { Column } from "./table";

/** How far outside of the screen rows are still drawn. */
const NEAR_PX = 1600;

export interface StretchProps<Row> {
  rows: readonly Row[];
  columns: readonly Column<Row>[];
  rowKey: (row: Row) => string;
  onOpen?: (row: Row) => void;
  classes: (column: Column<Row>) => string | undefined;
}

/** Some rows of a long table: drawn only near the screen, and only again when something of them has changed. */
export class Stretch<Row> extends Component<StretchProps<Row>, { isNear: boolean }> {
  override state = { isNear: true };
  private body: HTMLTableSectionElement | null = null;
  private height_px = 0;
  private watch: IntersectionObserver | null = null;

  override componentDidMount(): void {
    if (typeof IntersectionObserver === "undefined") return;
    this.watch = new IntersectionObserver((entries) => {
      const isNear = entries[entries.length - 1]!.isIntersecting;
      if (isNear === this.state.isNear) return;
      // The height it has now is the height it keeps while it is not drawn: nothing jumps.
      if (!isNear) this.height_px = this.body?.getBoundingClientRect().height ?? 0;
      this.setState({ isNear });
    }, { rootMargin: `${NEAR_PX}px 0px` });
    if (this.body) this.watch.observe(this.body);
  }

  override componentWillUnmount(): void {
    this.watch?.disconnect();
  }

  override shouldComponentUpdate(next: StretchProps<Row>, state: { isNear: boolean }): boolean {
    const { rows, columns, onOpen } = this.props;
    if (state.isNear !== this.state.isNear) return true;
    if (!state.isNear) return false;
    return next.columns !== columns || next.onOpen !== onOpen || next.rows.length !== rows.length || next.rows.some((row, index) => row !== rows[index]);
  }

  render({ rows, columns, rowKey, onOpen, classes }: StretchProps<Row>) {
    const isDrawn = this.state.isNear || this.height_px === 0;
    return (
      <tbody ref={(body) => void (this.body = body)}>
        {isDrawn ? rows.map((row) => (
          <tr key={rowKey(row)} class={onOpen ? "table-opens" : undefined} onClick={onOpen ? (event) => opens(event) && onOpen(row) : undefined}>
            {columns.map((column) => <td key={column.key} data-title={column.title} class={classes(column)}>{column.cell(row)}</td>)}
          </tr>
        )) : <tr aria-hidden="true" style={{ height: `${this.height_px}px` }}><td colSpan={columns.length} /></tr>}
      </tbody>
    );
  }
}

/** A click on a control within the row, or the end of a text selection, does not open it. */
function opens(event: MouseEvent): boolean {
  if ((event.target as Element).closest("a, button, input, select, label")) return false;
  return String(getSelection() ?? "") === "";
}

/** What the node's HTTP interface says and hears. */
export type * from "./node";
export type * from "./outbox";
export type * from "./people";
export type * from "./session";
export type * from "./slides";
export type * from "./studies";

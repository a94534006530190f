import { useState } from "preact/hooks";
import { Button } from "../components/button";
import { Dialog } from "../components/dialog";
import { ErrorCard, Skeleton } from "../components/empty-state";
import { Card } from "../components/page";
import { StateChip } from "../components/state-chip";
import { type Column, Table } from "../components/table";
import { say, sayError } from "../components/toast";
import { api } from "../lib/api";
import { formatDate } from "../lib/format";
import { useRemote } from "../lib/hooks";
import { t } from "../lib/i18n";
import { useMe } from "../lib/me";
import type { UserRow } from "../lib/shapes";
import { AddPerson, SetPassword } from "./person-dialogs";

type Open = { kind: "add" } | { kind: "password" | "disable"; user: UserRow } | null;

/** Who may sign in, and as what. Nobody is ever deleted: the audit names them. */
export function People() {
  const users = useRemote((signal) => api.users(signal));
  const me = useMe();
  const myName = me.kind === "in" ? me.me.name : "";
  const [open, setOpen] = useState<Open>(null);
  const close = (): void => setOpen(null);
  const done = (words: string): void => {
    close();
    say(words);
    users.reload();
  };
  const enable = (user: UserRow): void => {
    api.enableUser(user.name).then(() => done(t("people.enabled", { name: user.name })), sayError);
  };
  const columns: Column<UserRow>[] = [
    { key: "name", title: t("people.column.name"), cell: (row) => <><strong>{row.name}</strong>{row.name === myName ? <span class="quiet"> ({t("people.you")})</span> : null}</> },
    { key: "role", title: t("people.column.role"), cell: (row) => t(`role.${row.role}`) },
    { key: "state", title: t("people.column.state"), cell: (row) => <StateChip tone={row.is_disabled ? "neutral" : "ok"} icon={row.is_disabled ? "cross" : "ok"}>{t(row.is_disabled ? "people.state.off" : "people.state.on")}</StateChip> },
    { key: "created", title: t("people.column.created"), isMinor: true, cell: (row) => <span class="num">{formatDate(typeof row.created_s === "number" && row.created_s > 0 ? row.created_s : null)}</span> },
    {
      key: "acts", title: t("people.column.acts"), cell: (row) => (
        <div class="admin-acts">
          <Button kind="quiet" icon="edit" onClick={() => setOpen({ kind: "password", user: row })}>{t("people.password")}</Button>
          {row.is_disabled ? <Button kind="quiet" icon="check" onClick={() => enable(row)}>{t("people.enable")}</Button> : null}
          {!row.is_disabled && row.name !== myName ? <Button kind="quiet" icon="cross" onClick={() => setOpen({ kind: "disable", user: row })}>{t("people.disable")}</Button> : null}
        </div>
      ),
    },
  ];
  return (
    <>
      <div class="row"><Button kind="primary" icon="plus" onClick={() => setOpen({ kind: "add" })}>{t("people.add")}</Button></div>
      {users.error ? <ErrorCard error={users.error} onRetry={users.reload} /> : null}
      {!users.data && users.isLoading ? <Skeleton /> : null}
      {users.data ? <Card isFlush><Table label={t("people.list")} columns={columns} rows={users.data} rowKey={(row) => row.name} /></Card> : null}
      {open?.kind === "add" ? <AddPerson known={(users.data ?? []).map((row) => row.name)} onClose={close} onDone={done} /> : null}
      {open?.kind === "password" ? <SetPassword user={open.user} onClose={close} onDone={done} /> : null}
      {open?.kind === "disable" ? <Disable user={open.user} onClose={close} onDone={done} /> : null}
    </>
  );
}

function Disable({ user, onClose, onDone }: { user: UserRow; onClose: () => void; onDone: (words: string) => void }) {
  const disable = (): void => {
    api.disableUser(user.name).then(() => onDone(t("people.disabled", { name: user.name })), sayError);
  };
  return (
    <Dialog
      title={t("people.disable.ask", { name: user.name })} width="s" onClose={onClose}
      actions={<><Button onClick={onClose}>{t("dialog.cancel")}</Button><Button kind="danger" onClick={disable}>{t("people.disable")}</Button></>}
    >
      <p>{t("people.disable.hint", { name: user.name })}</p>
    </Dialog>
  );
}

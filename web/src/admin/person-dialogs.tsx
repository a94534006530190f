import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { Button } from "../components/button";
import { Dialog } from "../components/dialog";
import { ErrorCard } from "../components/empty-state";
import { Field, SelectField } from "../components/field";
import { type ApiError, api, asApiError } from "../lib/api";
import { t } from "../lib/i18n";
import type { UserRole, UserRow } from "../lib/shapes";

const ROLES = ["operator", "specialist", "pathologist", "admin", "auditor"] as const;
const NAME_PATTERN = /^[A-Za-z0-9._@-]{1,64}$/;
export const PASSWORD_CHARS_MIN = 8;

/** Why a name cannot be used; null when it can. */
export function nameFault(name: string, known: readonly string[]): "people.name.wrong" | "people.name.taken" | null {
  if (!NAME_PATTERN.test(name)) return "people.name.wrong";
  return known.some((each) => each.toLowerCase() === name.toLowerCase()) ? "people.name.taken" : null;
}

export function AddPerson(props: { known: readonly string[]; onClose: () => void; onDone: (words: string) => void }) {
  const [name, setName] = useState("");
  const [role, setRole] = useState<(typeof ROLES)[number]>("operator");
  const [password, setPassword] = useState("");
  const form = useForm(async () => {
    await api.addUser(name.trim(), password, role as UserRole);
    props.onDone(t("people.added", { name: name.trim() }));
  });
  const fault = nameFault(name.trim(), props.known);
  const isShort = [...password].length < PASSWORD_CHARS_MIN;
  return (
    <FormDialog title={t("people.add")} form={form} isRight={fault === null && !isShort} onClose={props.onClose}>
      <Field
        label={t("people.name")} value={name} onValue={setName} autocomplete="off" maxLength={64} required
        hint={t("people.name.hint")} error={form.isTried && fault ? t(fault) : null}
      />
      <SelectField label={t("people.role")} value={role} choices={ROLES.map((value) => ({ value, label: t(`role.${value}`) }))} onValue={setRole} hint={t(`people.role.${role}`)} />
      <PasswordField value={password} onValue={setPassword} isWrong={form.isTried && isShort} />
    </FormDialog>
  );
}

export function SetPassword(props: { user: UserRow; onClose: () => void; onDone: (words: string) => void }) {
  const [password, setPassword] = useState("");
  const form = useForm(async () => {
    await api.setPassword(props.user.name, password);
    props.onDone(t("people.password_set", { name: props.user.name }));
  });
  const isShort = [...password].length < PASSWORD_CHARS_MIN;
  return (
    <FormDialog title={t("people.password.title", { name: props.user.name })} form={form} isRight={!isShort} onClose={props.onClose}>
      <PasswordField value={password} onValue={setPassword} isWrong={form.isTried && isShort} />
    </FormDialog>
  );
}

function PasswordField({ value, onValue, isWrong }: { value: string; onValue: (value: string) => void; isWrong: boolean }) {
  return (
    <Field
      label={t("people.new_password")} type="password" value={value} onValue={onValue} autocomplete="new-password" maxLength={256} required
      hint={t("people.new_password.hint")} error={isWrong ? t("people.new_password.short") : null}
    />
  );
}

interface Form {
  isTried: boolean;
  isBusy: boolean;
  error: ApiError | null;
  submit: (isRight: boolean) => void;
}

/** Faults are told once somebody has tried to save, not while the first letter is typed. */
function useForm(save: () => Promise<void>): Form {
  const [isTried, setTried] = useState(false);
  const [isBusy, setBusy] = useState(false);
  const [error, setError] = useState<ApiError | null>(null);
  const submit = (isRight: boolean): void => {
    setTried(true);
    if (!isRight || isBusy) return;
    setBusy(true);
    save().catch((reason: unknown) => {
      setError(asApiError(reason));
      setBusy(false);
    });
  };
  return { isTried, isBusy, error, submit };
}

function FormDialog(props: { title: string; form: Form; isRight: boolean; onClose: () => void; children: ComponentChildren }) {
  const { form } = props;
  return (
    <Dialog
      title={props.title} width="s" onClose={props.onClose}
      actions={<><Button onClick={props.onClose}>{t("dialog.cancel")}</Button><Button kind="primary" isBusy={form.isBusy} onClick={() => form.submit(props.isRight)}>{t("people.save")}</Button></>}
    >
      <form class="stack" onSubmit={(event) => { event.preventDefault(); form.submit(props.isRight); }}>
        {form.error ? <ErrorCard error={form.error} /> : null}
        {props.children}
        <button type="submit" hidden />
      </form>
    </Dialog>
  );
}

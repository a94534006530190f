import { useEffect, useState } from "preact/hooks";
import { Button } from "../components/button";
import { Notice } from "../components/empty-state";
import { Field } from "../components/field";
import { Icon } from "../components/icon";
import { ThemeChoice } from "../components/top-bar";
import { api, asApiError, type ApiError } from "../lib/api";
import { useTitle } from "../lib/hooks";
import { t } from "../lib/i18n";
import { loadMe } from "../lib/me";
import { rememberedName, rememberName } from "../lib/guest-name";
import { navigate } from "../lib/router";
import type { Joined } from "../lib/shapes";
import "./sign-in.css";

/** The door: for people with an account, and for guests with six digits. */
export default function SignInPage() {
  useTitle(t("sign_in.title"));
  return (
    <main id="content" class="door">
      <div class="door-box">
        <header class="door-head">
          <span class="door-mark"><Icon name="probe" size={28} /></span>
          <div>
            <h1>{t("sign_in.title")}</h1>
            <p class="quiet">{t("sign_in.lead")}</p>
          </div>
        </header>
        <SignInForm />
        <hr class="door-line" />
        <CodeForm />
        <details class="door-first">
          <summary>{t("sign_in.first")}</summary>
          <p>{t("sign_in.first.hint")}</p>
          <pre class="mono">edge user add NAME --role admin</pre>
        </details>
      </div>
      <div class="door-theme"><ThemeChoice /></div>
    </main>
  );
}

function SignInForm() {
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const [isShown, setShown] = useState(false);
  const [isBusy, setBusy] = useState(false);
  const [wasSent, setSent] = useState(false);
  const [error, setError] = useState<ApiError | null>(null);
  const submit = async (event: Event) => {
    event.preventDefault();
    setSent(true);
    if (name.trim() === "" || password === "") return;
    setBusy(true);
    setError(null);
    try {
      await api.signIn(name.trim(), password);
      const me = await loadMe();
      if (me.kind === "in") navigate(nextPage(), { replace: true });
      else if (me.kind === "error") setError(me.error);
    } catch (reason) {
      setError(asApiError(reason));
    } finally {
      setBusy(false);
    }
  };
  return (
    <form class="stack" onSubmit={(event) => void submit(event)} noValidate>
      {error ? (
        <Notice tone="bad" icon="error" isAlert>
          <p class="notice-title">{error.code === "access.wrong_password" ? t("sign_in.wrong") : error.message}</p>
          <p>{error.code === "access.wrong_password" ? t("sign_in.wrong.next") : error.nextStep}</p>
        </Notice>
      ) : null}
      <Field
        label={t("sign_in.name")} value={name} onValue={setName} name="username" autocomplete="username" autofocus
        error={wasSent && name.trim() === "" ? t("sign_in.missing_name") : null} autocapitalize="none" spellcheck={false}
      />
      <div class="door-password">
        <Field
          class="grow" label={t("sign_in.password")} value={password} onValue={setPassword} name="password"
          type={isShown ? "text" : "password"} autocomplete="current-password"
          error={wasSent && password === "" ? t("sign_in.missing_password") : null}
        />
        <Button kind="quiet" icon={isShown ? "eye_off" : "eye"} isIconOnly onClick={() => setShown(!isShown)}>
          {isShown ? t("sign_in.hide") : t("sign_in.show")}
        </Button>
      </div>
      <Button type="submit" kind="primary" size="l" isBusy={isBusy}>{isBusy ? t("sign_in.busy") : t("sign_in.go")}</Button>
    </form>
  );
}

function CodeForm() {
  const [code, setCode] = useState("");
  const [name, setName] = useState(rememberedName);
  const [ticket, setTicket] = useState<string | null>(null);
  const [error, setError] = useState<string | null>(null);
  const [isBusy, setBusy] = useState(false);
  const submit = async (event: Event) => {
    event.preventDefault();
    const digits = code.replace(/\D/g, "");
    if (digits.length !== 6) return setError(t("sign_in.code.wrong"));
    setBusy(true);
    try {
      rememberName(name.trim());
      const joined = await api.join({ code: digits, name: name.trim() });
      if (joined.is_waiting && joined.ticket) setTicket(joined.ticket);
      else enter(joined);
    } catch (reason) {
      const failure = asApiError(reason);
      setError(`${failure.message} ${failure.nextStep}`.trim());
    } finally {
      setBusy(false);
    }
  };
  if (ticket) {
    return <Waiting ticket={ticket} onStop={(words) => { setTicket(null); setCode(""); setError(words); }} />;
  }
  return (
    <form class="stack" onSubmit={(event) => void submit(event)} noValidate>
      <div>
        <h2 class="door-second">{t("sign_in.code")}</h2>
        <p class="quiet small">{t("sign_in.code.hint")}</p>
      </div>
      <Field label={t("sign_in.code.name")} value={name} onValue={setName} autocomplete="name" maxLength={64} />
      <div class="door-code">
        <Field
          class="grow num" label={t("sign_in.code.label")} value={code} error={error} inputMode="numeric" maxLength={9}
          autocomplete="one-time-code" placeholder="000 000" onValue={(value) => { setCode(value); setError(null); }}
        />
        <Button type="submit" isBusy={isBusy}>{t("sign_in.code.go")}</Button>
      </div>
    </form>
  );
}

const ASK_MS = 2000;

/** The bedside decides. The page asks until it is let in, refused, or left; an outage of the network is waited out. */
function Waiting({ ticket, onStop }: { ticket: string; onStop: (words: string | null) => void }) {
  useEffect(() => {
    const stop = new AbortController();
    const ask = async () => {
      try {
        const joined = await api.waitToJoin(ticket, stop.signal);
        if (!joined.is_waiting) return enter(joined);
      } catch (reason) {
        if (stop.signal.aborted) return;
        const failure = asApiError(reason);
        if (failure.status === 401) return onStop(`${failure.message} ${failure.nextStep}`.trim());
      }
      timer = setTimeout(() => void ask(), ASK_MS);
    };
    let timer = setTimeout(() => void ask(), ASK_MS);
    return () => {
      stop.abort();
      clearTimeout(timer);
    };
  }, [ticket]);
  return (
    <div class="stack" role="status">
      <Notice icon="clock" tone="accent">
        <p class="notice-title">{t("sign_in.wait.title")}</p>
        <p>{t("sign_in.wait.hint")}</p>
      </Notice>
      <Button icon="cross" onClick={() => onStop(null)}>{t("sign_in.wait.stop")}</Button>
    </div>
  );
}

function enter(joined: Joined): void {
  navigate(`/live/${encodeURIComponent(joined.session_id)}#token=${encodeURIComponent(joined.bearer || joined.token)}`);
}

/** Where one wanted to go; only ever a path of ours. */
function nextPage(): string {
  const next = new URLSearchParams(location.search).get("next") ?? "/";
  return next.startsWith("/") && !next.startsWith("//") && !next.startsWith("/sign-in") ? next : "/";
}

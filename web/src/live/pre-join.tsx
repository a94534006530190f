import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Button } from "../components/button";
import { Notice } from "../components/empty-state";
import { Field, SelectField } from "../components/field";
import { Icon, type IconName } from "../components/icon";
import { LevelMeter } from "../components/level-meter";
import { PatientBar } from "../components/patient-bar";
import { t, type MessageKey } from "../lib/i18n";
import { playTestTone } from "../lib/microphone";
import type { Me, SessionView } from "../lib/shapes";
import type { useMicrophone } from "../lib/use-microphone";
import { rememberedName, rememberName } from "../lib/guest-name";

type Sound = ReturnType<typeof useMicrophone>;

/** Before the call: who one is, whether microphone, speaker and network are fit for it. */
export function PreJoin(props: { me: Me; session: SessionView; sound: Sound; onJoin: (name: string) => void }) {
  const { me, session, sound } = props;
  const isGuest = me.role === "guest";
  const [name, setName] = useState(isGuest ? rememberedName() : me.name);
  const [isMissing, setMissing] = useState(false);
  const canShow = typeof RTCPeerConnection !== "undefined";
  const join = async (withMicrophone: boolean) => {
    if (name.trim() === "") return setMissing(true);
    if (isGuest) rememberName(name.trim());
    if (withMicrophone && !sound.track) await sound.open();
    if (withMicrophone && sound.microphone.trouble) return;
    if (!withMicrophone) sound.microphone.close();
    props.onJoin(name.trim());
  };
  return (
    <main id="content" class="live-door room-dark">
      <form class="live-card" onSubmit={(event) => { event.preventDefault(); void join(true); }}>
        <header>
          <h1>{t("live.join.title")}</h1>
          <p class="quiet">{t("live.join.lead")}</p>
        </header>
        {session.patient ? <div class="live-patient"><PatientBar patient={session.patient} /></div> : null}
        {canShow ? null : <Notice tone="bad" icon="error" isAlert><p>{t("live.join.unsupported")}</p></Notice>}
        {isGuest ? (
          <Field
            label={t("live.join.name")} value={name} autocomplete="name" maxLength={64}
            error={isMissing && name.trim() === "" ? t("live.join.name_missing") : null} onValue={setName}
          />
        ) : null}
        <Notice icon="shield" tone="accent"><p>{t("live.join.privacy")}</p></Notice>
        <div class="checks">
          <Check icon="mic" title={t("live.join.mic")}><MicrophoneCheck sound={sound} /></Check>
          <Check icon="speaker" title={t("live.join.speaker")}>
            <div class="check-row">
              <p class="quiet small grow">{t("live.join.speaker.hint")}</p>
              <Button onClick={() => void playTestTone()}>{t("live.join.speaker.test")}</Button>
            </div>
          </Check>
          <Check icon="signal" title={t("live.join.network")}><NetworkCheck /></Check>
        </div>
        <div class="live-go">
          <Button type="submit" kind="primary" size="l" disabled={!canShow} isBusy={sound.isAsking}>{t("live.join.go")}</Button>
          <Button size="l" kind="quiet" disabled={!canShow} onClick={() => void join(false)}>{t("live.join.listen")}</Button>
        </div>
      </form>
    </main>
  );
}

function Check({ icon, title, children }: { icon: IconName; title: string; children: ComponentChildren }) {
  return (
    <section class="check">
      <span class="check-icon"><Icon name={icon} /></span>
      <div class="check-body">
        <h2 class="check-title">{title}</h2>
        {children}
      </div>
    </section>
  );
}

function MicrophoneCheck({ sound }: { sound: Sound }) {
  const { microphone, track } = sound;
  useOpenWhenAllowed(sound);
  if (track) {
    const named = microphone.devices.map((device, index) => ({
      value: device.id, label: device.label || t("live.join.mic.unnamed", { number: index + 1 }),
    }));
    return (
      <>
        <LevelMeter microphone={microphone} />
        <p class="quiet small">{t("live.join.mic.hint")}</p>
        {named.length > 1 ? (
          <SelectField
            label={t("live.join.mic.device")} isLabelHidden value={track.getSettings().deviceId ?? ""}
            choices={named} onValue={(id) => void sound.open(id)}
          />
        ) : <p class="small cut">{track.label}</p>}
      </>
    );
  }
  return (
    <>
      {microphone.trouble ? <p class="check-trouble" role="alert">{t(`mic.trouble.${microphone.trouble}`)}</p> : null}
      <Button isBusy={sound.isAsking} onClick={() => void sound.open()}>
        {microphone.trouble ? t("live.join.mic.again") : t("live.join.mic.start")}
      </Button>
    </>
  );
}

/** Where the person allowed the microphone before, it opens by itself; otherwise the browser asks when it is wanted. */
function useOpenWhenAllowed(sound: Sound): void {
  useEffect(() => {
    if (sound.track || !navigator.permissions) return;
    let isOver = false;
    void navigator.permissions.query({ name: "microphone" as PermissionName }).then(
      (permission) => !isOver && permission.state === "granted" && void sound.open(),
      () => undefined,
    );
    return () => void (isOver = true);
  }, []);
}

const PING_COUNT = 4;

function NetworkCheck() {
  const [ms, setMs] = useState<number | null | "none">(null);
  useEffect(() => {
    const stop = new AbortController();
    void measure(stop.signal).then((best) => !stop.signal.aborted && setMs(best));
    return () => stop.abort();
  }, []);
  const key = networkWords(ms);
  return <p class="quiet small" role="status">{t(key, { ms: typeof ms === "number" ? ms : 0 })}</p>;
}

/** The shortest of a few round trips: the others met something on the way that is not the network. */
async function measure(signal: AbortSignal): Promise<number | "none"> {
  let best = Number.POSITIVE_INFINITY;
  for (let count = 0; count < PING_COUNT; count += 1) {
    const startMs = performance.now();
    try {
      await fetch("/healthz", { cache: "no-store", signal });
    } catch {
      continue;
    }
    best = Math.min(best, performance.now() - startMs);
  }
  return Number.isFinite(best) ? Math.max(1, Math.round(best)) : "none";
}

function networkWords(ms: number | null | "none"): MessageKey {
  if (ms === null) return "live.join.network.measuring";
  if (ms === "none") return "live.join.network.none";
  if (ms <= 120) return "live.join.network.good";
  return ms <= 300 ? "live.join.network.fair" : "live.join.network.slow";
}

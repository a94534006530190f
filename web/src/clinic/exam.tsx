import { useEffect, useState } from "preact/hooks";
import { Button, LinkButton } from "../components/button";
import { CallNotice, RecordingSign } from "../components/call-words";
import { Dialog } from "../components/dialog";
import { Notice } from "../components/empty-state";
import { DrawBar } from "../components/draw-bar";
import { DrawLayer } from "../components/draw-layer";
import { drawingSaved } from "../components/drawing-words";
import { useKeysHelp } from "../components/keys-help";
import { PatientBar } from "../components/patient-bar";
import { Picture } from "../components/picture";
import { Pictures } from "../components/pictures";
import { Pointers } from "../components/pointer-layer";
import { say, sayError } from "../components/toast";
import { api } from "../lib/api";
import { useKeys } from "../lib/hooks";
import { t } from "../lib/i18n";
import { useMe } from "../lib/me";
import type { SessionView } from "../lib/shapes";
import { nextLayout, useSecondLayout } from "../lib/second-layout";
import { useCall } from "../lib/use-call";
import { useCamera } from "../lib/use-camera";
import { useDrawing } from "../lib/use-drawing";
import { useMicrophone } from "../lib/use-microphone";
import type { CallMessage } from "../lib/whep";
import { ExamSide } from "./exam-side";
import { GuideCards } from "./guide-cards";
import { InviteDialog } from "./invite-dialog";
import { RequestCards } from "./request-cards";
import { Strip } from "./strip";
import { ConsentBanner } from "./privacy";
import { WaitingCards } from "./waiting-cards";
import { useRecordActs } from "./record-acts";

/** The exam in hand: the picture, the patient, and everything that keeps or shares it. */
export function Exam({ view, onView }: { view: SessionView; onView: (view: SessionView) => void }) {
  const me = useMe();
  const sound = useMicrophone();
  const [isSpeakerOff, setSpeakerOff] = useState(false);
  const [opened, setOpened] = useState<"invite" | "end" | null>(null);
  const ownName = me.kind === "in" ? me.me.name : "";
  const hand = useCall(view.session_id, api, ownName, sound.track, (message) => {
    drawing.hear(message);
    hear(message, ownName);
  });
  const drawing = useDrawing(() => hand.call, () => say(t("draw.not_now"), "warn"));
  const { call, status, room } = hand;
  const acts = useRecordActs(view);
  const camera = useCamera(view.session_id, api, ownName);
  const [secondLayout, setSecondLayout] = useSecondLayout();
  useEffect(() => void sound.open(), []);
  // The data channel is often a moment ahead of the event stream: the newer of the two is shown.
  useEffect(() => {
    if (room.view) onView(room.view);
  }, [room.view]);
  useExamKeys(acts, () => drawing.choose(drawing.tool), () => setSecondLayout(nextLayout(secondLayout)), () => sound.track && sound.microphone.setMuted(!sound.isMuted));
  const frame = (nowMs: number, rtp: number | undefined, video: HTMLVideoElement, mediaTimeS?: number) => {
    hand.staleWatch.frameSeen(nowMs);
    drawing.frameShown(video, rtp, mediaTimeS);
    hand.shownRtp.current = rtp;
  };
  return (
    <main id="content" class="exam room-dark" data-live>
      <h1 class="only-heard">{t("exam.title")}</h1>
      <header class="exam-head">
        <LinkButton kind="quiet" icon="left" href="/">{t("exam.back")}</LinkButton>
        <div class="exam-patient"><PatientBar patient={view.patient} /></div>
        <RecordingSign recording={view.recording} />
        <Button kind="danger" icon="stop" onClick={() => setOpened("end")}>{t("exam.end")}</Button>
      </header>
      <section class={`exam-stage${view.recording.is_recording ? " exam-stage-recording" : ""}${drawing.phase === "off" ? "" : " exam-stage-drawing"}`}>
        <Pictures hand={hand} layout={secondLayout} onLayout={setSecondLayout} isAlone={drawing.phase !== "off"}>
          <Picture stream={call.stream} label={t("call.picture")} isSpeakerOff={isSpeakerOff} onFrame={frame}>
            {drawing.phase === "off" ? <Pointers pointers={room.pointers} /> : <DrawLayer drawing={drawing} />}
          </Picture>
        </Pictures>
        {drawing.phase === "off" ? null : <DrawBar drawing={drawing} />}
        <CallNotice call={call} status={status} isStale={hand.isStale} source={view.source_state} />
        <WaitingCards view={view} />
        <GuideCards guide={view.guide} onAnswer={(key, isGranted) => call.send({ type: isGranted ? "guide.grant" : "guide.refuse", key })} />
        <RequestCards requests={room.requests} onAnswer={(id, answer) => call.send({ type: "request.answer", request_id: id, answer })} />
      </section>
      <ExamSide
        view={view} hand={hand} acts={acts} sound={sound} camera={camera} secondLayout={secondLayout} onSecondLayout={setSecondLayout}
        isSpeakerOff={isSpeakerOff} onSpeakerOff={setSpeakerOff} onDraw={() => drawing.choose(drawing.tool)} onInvite={() => setOpened("invite")}
      />
      <div class="exam-strip">
        {view.recording.gap_count > 0 ? (
          <Notice tone="warn" icon="warning" isAlert><p>{t("exam.gaps", { count: view.recording.gap_count })}</p></Notice>
        ) : null}
        <ConsentBanner view={view} />
        <Strip view={view} drawings={room.drawings} />
      </div>
      {opened === "invite" ? <InviteDialog sessionId={view.session_id} onClose={() => setOpened(null)} /> : null}
      {opened === "end" ? <EndDialog view={view} onClose={() => setOpened(null)} onEnded={onView} /> : null}
    </main>
  );
}

function EndDialog({ view, onClose, onEnded }: { view: SessionView; onClose: () => void; onEnded: (view: SessionView) => void }) {
  const [isBusy, setBusy] = useState(false);
  const end = async () => {
    setBusy(true);
    try {
      const closed = await api.closeSession(view.session_id);
      onEnded(closed ?? { ...view, state: "closed", closed_s: Date.now() / 1000 });
    } catch (reason) {
      sayError(reason);
      setBusy(false);
    }
  };
  const actions = (
    <>
      <Button kind="plain" size="l" onClick={onClose}>{t("dialog.cancel")}</Button>
      <Button kind="danger" size="l" icon="stop" isBusy={isBusy} onClick={() => void end()}>{t("exam.end.go")}</Button>
    </>
  );
  return (
    <Dialog title={t("exam.end.title")} width="s" onClose={onClose} actions={actions}>
      <div class="stack">
        <p>{t("exam.end.text")}</p>
        {view.recording.is_recording ? <Notice tone="warn" icon="record"><p>{t("exam.end.recording")}</p></Notice> : null}
      </div>
    </Dialog>
  );
}

function hear(message: CallMessage, ownName: string): void {
  if (message.type === "saved" && message.kind === "annotation") say(drawingSaved(message, ownName));
  else if (message.type === "saved") say(message.kind === "still" ? t("exam.saved.still") : t("exam.saved.clip"));
  if (message.type === "error") say(String(message.message ?? ""), "bad", String(message.next_step ?? ""));
}

function useExamKeys(acts: ReturnType<typeof useRecordActs>, draw: () => void, second: () => void, mute: () => unknown): void {
  useKeys({ d: draw, c: second, r: () => void acts.toggle(), s: () => void acts.still(), l: () => void acts.saveLast(), m: () => void mute() });
  useKeysHelp({
    title: t("exam.keys"),
    keys: [
      { caps: ["R"], does: t("exam.keys.record") },
      { caps: ["D"], does: t("draw.keys") },
      { caps: ["S"], does: t("exam.keys.still") },
      { caps: ["L"], does: t("exam.keys.save_last") },
      { caps: ["M"], does: t("exam.keys.mute") },
      { caps: ["C"], does: t("second.keys") },
    ],
  });
}

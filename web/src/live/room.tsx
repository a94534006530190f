import { useEffect, useRef, useState } from "preact/hooks";
import { CallNotice, QualityChip, RecordingSign } from "../components/call-words";
import { DrawBar } from "../components/draw-bar";
import { DrawLayer } from "../components/draw-layer";
import { useKeysHelp } from "../components/keys-help";
import { patientFacts } from "../components/patient-bar";
import { Picture } from "../components/picture";
import { Pictures } from "../components/pictures";
import { PointerPad, Pointers } from "../components/pointer-layer";
import { requestWords } from "../components/request-words";
import { StateChip } from "../components/state-chip";
import { say } from "../components/toast";
import { asApiError, type Api, type ApiError } from "../lib/api";
import { formatPersonName } from "../lib/format";
import { useKeys } from "../lib/hooks";
import { t } from "../lib/i18n";
import type { RoomRequest } from "../lib/room";
import { hasAsked, isOf, mayAct } from "../lib/guide";
import { nextLayout, useSecondLayout } from "../lib/second-layout";
import type { Guide, Me, SessionView } from "../lib/shapes";
import { useCall, type CallInHand } from "../lib/use-call";
import { useDrawing } from "../lib/use-drawing";
import type { useMicrophone } from "../lib/use-microphone";
import type { CallMessage } from "../lib/whep";
import { useLiveLayout } from "./layout";
import { AskDialog } from "./ask-dialog";
import { DetailsDialog } from "./details-dialog";
import { drawingSaved } from "../components/drawing-words";
import { Toolbar } from "./toolbar";

export const SAVE_LAST_S = 10;

export interface LiveRoomProps {
  api: Api;
  me: Me;
  first: SessionView;
  name: string;
  sound: ReturnType<typeof useMicrophone>;
  onLeave: () => void;
  onOver: (reason: ApiError | null) => void;
}

/** In the call: the picture fills the screen, everything else lies at its edges. */
export function LiveRoom({ api, me, first, name, sound, onLeave, onOver }: LiveRoomProps) {
  const requests = useRef<RoomRequest[]>([]);
  const hand = useCall(first.session_id, api, name, sound.track, (message) => {
    drawing.hear(message);
    hear(message, requests.current, name);
  });
  const drawing = useDrawing(() => hand.call, () => say(t("draw.not_now"), "warn"));
  requests.current = hand.room.requests;
  const { call, status, room } = hand;
  const view = room.view ?? first;
  const [aspect, setAspect] = useState(4 / 3);
  const layout = useLiveLayout(aspect);
  const [isPointing, setPointing] = useState(true);
  const [isSpeakerOff, setSpeakerOff] = useState(false);
  const [secondLayout, setSecondLayout] = useSecondLayout();
  const [opened, setOpened] = useState<"ask" | "details" | null>(null);
  const hasBeenLive = useRef(false);
  if (status.state === "live") hasBeenLive.current = true;
  const mayAsk = me.permissions.includes("ask_capture");
  useEffect(() => hand.takeView(first), []);
  useEffect(() => {
    if (status.state === "ended") onOver(hasBeenLive.current ? null : status.error);
    else if (view.state === "closed") onOver(null);
  }, [status.state, view.state]);
  const act = useActs(hand);
  const isStopped = (view.is_picture_stopped ?? false) && !me.permissions.includes("run_session");
  useEffect(() => {
    if (isStopped) drawing.stop();
  }, [isStopped]);
  const isGuide = mayAct(view.guide, call.peerId) && !isStopped;
  useLiveKeys({
    m: () => sound.track && sound.microphone.setMuted(!sound.isMuted),
    p: () => setPointing(!isPointing),
    f: () => void toggleFull(),
    ...(room.second.isThere ? { c: () => setSecondLayout(nextLayout(secondLayout)) } : {}),
    ...(mayAsk && isGuide ? { d: () => drawing.choose(drawing.tool), s: act.still, l: act.saveLast, a: () => setOpened("ask") } : {}),
  });
  const leave = () => {
    call.leave();
    onLeave();
  };
  const frame = (nowMs: number, rtp: number | undefined, video: HTMLVideoElement, mediaTimeS?: number) => {
    hand.staleWatch.frameSeen(nowMs);
    drawing.frameShown(video, rtp, mediaTimeS);
    hand.shownRtp.current = rtp;
  };
  return (
    <main id="content" class={`live live-${layout} room-dark${view.recording?.is_recording ? " live-recording" : ""}${isStopped ? " live-dark" : ""}${drawing.phase === "off" ? "" : " live-drawing"}`} data-live>
      <h1 class="only-heard">{t("live.title")}</h1>
      <Pictures hand={hand} layout={secondLayout} onLayout={setSecondLayout} isAlone={drawing.phase !== "off"}>
        <Picture stream={call.stream} label={t("call.picture")} isSpeakerOff={isSpeakerOff} onFrame={frame} onAspect={setAspect}>
          {isPointing && drawing.phase === "off" ? <PointerPad onPoint={(x, y, visible) => call.point(x, y, visible, hand.shownRtp.current)} /> : null}
          {drawing.phase === "off" ? <Pointers pointers={room.pointers} /> : <DrawLayer drawing={drawing} />}
        </Picture>
      </Pictures>
      {drawing.phase === "off" ? null : <DrawBar drawing={drawing} />}
      <Head view={view} hand={hand} />
      {isStopped ? <p class="live-stopped" role="status">{t("live.stopped")}</p> : null}
      <CallNotice call={call} status={status} isStale={hand.isStale && !isStopped} source={view.source_state} />
      <Toolbar
        hand={hand} view={view} sound={sound} mayAsk={mayAsk}
        isPointing={isPointing} onPointing={setPointing} isGuide={isGuide} hasAskedToGuide={hasAsked(view.guide, call.peerId)} onAskToGuide={() => call.send({ type: "guide.ask" })}
        isDrawing={drawing.phase !== "off"}
        onDraw={() => (drawing.phase === "off" ? drawing.choose(drawing.tool) : drawing.stop())} isSpeakerOff={isSpeakerOff} onSpeakerOff={setSpeakerOff}
        onStill={act.still} onClip={act.clip} onSaveLast={act.saveLast}
        secondLayout={secondLayout} onSecondLayout={setSecondLayout}
        onAsk={() => setOpened("ask")} onDetails={() => setOpened("details")} onFull={() => void toggleFull()} onLeave={leave}
      />
      {opened === "ask" ? <AskDialog requests={room.requests} onAsk={(text) => act.ask(text)} onClose={() => setOpened(null)} /> : null}
      {opened === "details" ? <DetailsDialog hand={hand} view={view} onClose={() => setOpened(null)} /> : null}
    </main>
  );
}

function Head({ view, hand }: { view: SessionView; hand: CallInHand }) {
  const facts = patientFacts(view.patient);
  return (
    <header class="live-head">
      {view.patient ? (
        <div class="live-who">
          <p class="patient-name">{formatPersonName(view.patient.name) || t("patient.unknown")}</p>
          <p class="patient-facts num">{facts.join(" · ")}</p>
        </div>
      ) : <span />}
      <div class="live-signs">
        {hand.status.state === "live" ? <QualityChip stats={hand.stats} source={view.source_state} /> : null}
        <RecordingSign recording={view.recording} />
        <GuideChip guide={view.guide} peerId={hand.call.peerId} />
      </div>
    </header>
  );
}

function GuideChip({ guide, peerId }: { guide: Guide | null | undefined; peerId: string | null }) {
  if (!guide?.key) return null;
  if (isOf(guide.key, peerId)) return <StateChip tone="ok" icon="pointer">{t("guide.you")}</StateChip>;
  return <StateChip icon="person">{t(guide.is_away ? "guide.away" : "guide.other", { name: guide.name || t("role.specialist") })}</StateChip>;
}

/** What the specialist may ask of the node; each says at once that it was asked. */
function useActs(hand: CallInHand) {
  const send = (message: CallMessage, words: string) => {
    if (hand.call.send(message)) say(words, "info");
    else say(t("live.asked.not_now"), "warn");
  };
  return {
    still: () => {
      const rtp = hand.shownRtp.current;
      send({ type: "still", ...(rtp === undefined ? {} : { rtp_timestamp: rtp }) }, t("live.asked.still"));
    },
    clip: (isStart: boolean) => {
      if (!hand.call.send({ type: isStart ? "clip.start" : "clip.stop" })) say(t("live.asked.not_now"), "warn");
    },
    saveLast: () => send({ type: "save_last", seconds: SAVE_LAST_S }, t("live.asked.save_last", { seconds: SAVE_LAST_S })),
    ask: (text: string) => send({ type: "request", text }, t("live.ask.sent")),
  };
}

function hear(message: CallMessage, requests: readonly RoomRequest[], ownName: string): void {
  switch (message.type) {
    case "saved":
      if (message.kind === "annotation") say(drawingSaved(message, ownName));
      else say(message.kind === "still" ? t("live.saved.still") : t("live.saved.clip"));
      break;
    case "error":
      say(String(message.message ?? ""), "bad", String(message.next_step ?? ""));
      break;
    case "request.answer": {
      const asked = requests.find((request) => request.id === message.request_id);
      const text = asked ? requestWords(asked.text) : "";
      if (message.answer === "done") say(t("live.answer.done", { text }));
      else say(t("live.answer.cannot", { text }), "warn");
      break;
    }
    default:
      break;
  }
}

function useLiveKeys(keys: Record<string, () => unknown>): void {
  useKeys(Object.fromEntries(Object.entries(keys).map(([key, act]) => [key, () => void act()])));
  useKeysHelp({
    title: t("live.keys"),
    keys: [
      { caps: ["M"], does: t("live.keys.mute") },
      { caps: ["P"], does: t("live.keys.pointer") },
      { caps: ["D"], does: t("draw.keys") },
      { caps: ["S"], does: t("live.keys.still") },
      { caps: ["L"], does: t("live.keys.save_last") },
      { caps: ["A"], does: t("live.keys.ask") },
      { caps: ["F"], does: t("live.keys.full") },
      { caps: ["C"], does: t("second.keys") },
    ],
  });
}

async function toggleFull(): Promise<void> {
  try {
    if (document.fullscreenElement) await document.exitFullscreen();
    else await document.documentElement.requestFullscreen();
  } catch (reason) {
    say(asApiError(reason).message, "warn");
  }
}

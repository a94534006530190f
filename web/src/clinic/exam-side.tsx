import { Button } from "../components/button";
import { QualityChip, RecordedTime } from "../components/call-words";
import { Icon } from "../components/icon";
import { LevelMeter } from "../components/level-meter";
import { People } from "../components/people";
import type { CameraSender } from "../lib/camera";
import { t } from "../lib/i18n";
import type { SecondLayout } from "../lib/second-layout";
import type { SessionView } from "../lib/shapes";
import type { CallInHand } from "../lib/use-call";
import type { useMicrophone } from "../lib/use-microphone";
import { CameraPanel } from "./camera-panel";
import { PictureSwitch } from "./privacy";
import { SAVE_LAST_S, type RecordActs } from "./record-acts";

export interface ExamSideProps {
  view: SessionView;
  acts: RecordActs;
  sound: ReturnType<typeof useMicrophone>;
  hand: CallInHand;
  camera: CameraSender;
  secondLayout: SecondLayout;
  onSecondLayout: (layout: SecondLayout) => void;
  isSpeakerOff: boolean;
  onSpeakerOff: (isOff: boolean) => void;
  onDraw: () => void;
  onInvite: () => void;
}

/** What the operator touches: record first and largest, then the call. */
export function ExamSide(props: ExamSideProps) {
  const { view, acts, hand } = props;
  const isRecording = view.recording.is_recording;
  return (
    <aside class="exam-side">
      <div class="exam-keep">
        <button
          type="button" class={isRecording ? "record record-on" : "record"} disabled={acts.busy === "record"}
          onClick={() => void acts.toggle()}
        >
          <span class="record-icon"><Icon name={isRecording ? "stop" : "record"} size={28} /></span>
          <span>{isRecording ? t("exam.record.stop") : t("exam.record")}</span>
          {isRecording ? <span class="record-time"><RecordedTime recording={view.recording} /></span> : null}
        </button>
        <Button class="keep-button" size="l" icon="rewind" isBusy={acts.busy === "save_last"} onClick={() => void acts.saveLast()}>
          {t("exam.save_last", { seconds: SAVE_LAST_S })}
        </Button>
        <Button class="keep-button" size="l" icon="still" isBusy={acts.busy === "still"} onClick={() => void acts.still()}>{t("exam.still")}</Button>
        <Button class="keep-button" size="l" icon="edit" disabled={hand.status.state !== "live"} onClick={props.onDraw}>{t("draw.start")}</Button>
      </div>
      <section class="exam-panel">
        <div class="exam-panel-head">
          <h2 class="exam-panel-title">{t("exam.people")}</h2>
          {hand.status.state === "live" ? <QualityChip stats={hand.stats} source={view.source_state} /> : null}
        </div>
        <People peers={view.peers} ownId={hand.call.peerId} guide={view.guide} onGuide={(key) => hand.call.send({ type: "guide.hand_over", key })} />
        {view.peers.length < 2 ? <p class="quiet small">{t("exam.nobody.hint")}</p> : null}
        <Button size="l" icon="invite" onClick={props.onInvite}>{t("exam.invite")}</Button>
        <PictureSwitch view={view} />
      </section>
      <SoundPanel {...props} />
      <CameraPanel view={view} camera={props.camera} second={hand.room.second} layout={props.secondLayout} onLayout={props.onSecondLayout} />
    </aside>
  );
}

function SoundPanel({ sound, isSpeakerOff, onSpeakerOff }: ExamSideProps) {
  const toggle = () => (sound.track ? sound.microphone.setMuted(!sound.isMuted) : void sound.open());
  return (
    <section class="exam-panel">
      <h2 class="exam-panel-title">{t("exam.sound")}</h2>
      <div class="exam-sound">
        <Button icon={sound.isMuted ? "mic_off" : "mic"} isPressed={sound.track !== null && !sound.isMuted} isBusy={sound.isAsking} onClick={toggle}>
          {sound.track === null ? t("mic.turn_on") : sound.isMuted ? t("mic.unmute") : t("mic.mute")}
        </Button>
        <Button icon={isSpeakerOff ? "speaker_off" : "speaker"} isPressed={!isSpeakerOff} onClick={() => onSpeakerOff(!isSpeakerOff)}>
          {isSpeakerOff ? t("speaker.off") : t("speaker.on")}
        </Button>
      </div>
      {sound.track && !sound.isMuted ? <LevelMeter microphone={sound.microphone} /> : null}
      {sound.microphone.trouble ? <p class="small exam-trouble" role="status">{t(`mic.trouble.${sound.microphone.trouble}`)}</p> : null}
    </section>
  );
}

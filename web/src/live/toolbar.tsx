import type { ComponentChildren } from "preact";
import { Icon, type IconName } from "../components/icon";
import { t } from "../lib/i18n";
import { nextLayout, type SecondLayout } from "../lib/second-layout";
import type { SessionView } from "../lib/shapes";
import type { CallInHand } from "../lib/use-call";
import type { useMicrophone } from "../lib/use-microphone";
import { SAVE_LAST_S } from "./room";

export interface ToolbarProps {
  hand: CallInHand;
  view: SessionView;
  sound: ReturnType<typeof useMicrophone>;
  mayAsk: boolean;
  isPointing: boolean;
  onPointing: (isOn: boolean) => void;
  isGuide: boolean;
  hasAskedToGuide: boolean;
  onAskToGuide: () => void;
  isDrawing: boolean;
  onDraw: () => void;
  isSpeakerOff: boolean;
  onSpeakerOff: (isOff: boolean) => void;
  onStill: () => void;
  onClip: (isStart: boolean) => void;
  onSaveLast: () => void;
  secondLayout: SecondLayout;
  onSecondLayout: (layout: SecondLayout) => void;
  onAsk: () => void;
  onDetails: () => void;
  onFull: () => void;
  onLeave: () => void;
}

/** The controls at the lower edge: large, each with its word. */
export function Toolbar(props: ToolbarProps) {
  const { sound, view } = props;
  const isLive = props.hand.status.state === "live";
  const mayChange = isLive && props.isGuide;
  const isRecording = view.recording?.is_recording ?? false;
  const unanswered = props.hand.room.requests.filter((request) => request.answer === null).length;
  const toggleMicrophone = () => (sound.track ? sound.microphone.setMuted(!sound.isMuted) : void sound.open());
  return (
    <div class="tools" role="toolbar" aria-label={t("live.tools")}>
      <Tool icon={sound.isMuted ? "mic_off" : "mic"} isWarned={sound.isMuted} onClick={toggleMicrophone}>
        {sound.track === null ? t("mic.turn_on") : sound.isMuted ? t("mic.unmute") : t("mic.mute")}
      </Tool>
      <Tool icon={props.isSpeakerOff ? "speaker_off" : "speaker"} isWarned={props.isSpeakerOff} onClick={() => props.onSpeakerOff(!props.isSpeakerOff)}>
        {props.isSpeakerOff ? t("speaker.off") : t("speaker.on")}
      </Tool>
      <Tool icon="pointer" isOn={props.isPointing} onClick={() => props.onPointing(!props.isPointing)}>{t("live.tool.pointer")}</Tool>
      {props.mayAsk ? (
        <>
          <Tool icon="edit" isOn={props.isDrawing} isDisabled={!mayChange} onClick={props.onDraw}>{t("draw.start")}</Tool>
          <span class="tools-line" />
          {props.isGuide || view.is_picture_stopped ? null : (
            <Tool icon="hand" isDisabled={!isLive || props.hasAskedToGuide} onClick={props.onAskToGuide}>{t(props.hasAskedToGuide ? "guide.asked" : "guide.ask")}</Tool>
          )}
          <Tool icon="still" isDisabled={!mayChange} onClick={props.onStill}>{t("live.tool.still")}</Tool>
          <Tool icon={isRecording ? "stop" : "record"} isRecord isDisabled={!mayChange} onClick={() => props.onClip(!isRecording)}>
            {isRecording ? t("live.tool.clip_stop") : t("live.tool.clip_start")}
          </Tool>
          <Tool icon="rewind" isDisabled={!mayChange} label={t("live.tool.save_last.long", { seconds: SAVE_LAST_S })} onClick={props.onSaveLast}>
            {t("live.tool.save_last", { seconds: SAVE_LAST_S })}
          </Tool>
          <Tool icon="send" isDisabled={!mayChange} count={unanswered} onClick={props.onAsk}>{t("live.tool.ask")}</Tool>
        </>
      ) : null}
      <span class="tools-line" />
      {props.hand.room.second.isThere ? (
        <Tool icon="screen" isOn={props.secondLayout !== "away"} label={t("second.layout")} onClick={() => props.onSecondLayout(nextLayout(props.secondLayout))}>{t("second.tool")}</Tool>
      ) : null}
      <Tool icon="people" count={view.peers?.length} onClick={props.onDetails}>{t("live.tool.more")}</Tool>
      <Tool icon="full" isWideOnly onClick={props.onFull}>{t("live.tool.full")}</Tool>
      <Tool icon="leave" isLeave onClick={props.onLeave}>{t("live.tool.leave")}</Tool>
    </div>
  );
}

interface ToolProps {
  icon: IconName;
  onClick: () => void;
  children: ComponentChildren;
  label?: string;
  isOn?: boolean;
  isWarned?: boolean;
  isRecord?: boolean;
  isLeave?: boolean;
  isDisabled?: boolean;
  isWideOnly?: boolean;
  count?: number;
}

function Tool(props: ToolProps) {
  const classes = ["tool"];
  if (props.isWarned) classes.push("tool-warned");
  if (props.isRecord) classes.push("tool-record");
  if (props.isLeave) classes.push("tool-leave");
  if (props.isWideOnly) classes.push("tool-wide");
  return (
    <button type="button" class={classes.join(" ")} title={props.label} aria-pressed={props.isOn} disabled={props.isDisabled} onClick={props.onClick}>
      <span class="tool-icon">
        <Icon name={props.icon} size={22} />
        {props.count ? <span class="tool-count num">{props.count}</span> : null}
      </span>
      <span class="tool-word">{props.children}</span>
    </button>
  );
}

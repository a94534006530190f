import { useRef, useState } from "preact/hooks";
import { t } from "../lib/i18n";
import type { RemotePointer } from "../lib/room";

const SEND_MS_MIN = 33;
const KEY_STEP = 0.02;

/** Everybody's pointers, drawn over the picture. */
export function Pointers({ pointers }: { pointers: readonly RemotePointer[] }) {
  return (
    <>
      {pointers.map((pointer) => (
        <div key={pointer.peer_id} class="pointer" style={{ left: `${pointer.x * 100}%`, top: `${pointer.y * 100}%` }}>
          <span class="pointer-ring" />
          <span class="pointer-name">{pointer.name || t("role.specialist")}</span>
        </div>
      ))}
    </>
  );
}

/** Where one points oneself: by mouse, by finger, or by the arrow keys. */
export function PointerPad({ onPoint }: { onPoint: (x: number, y: number, visible: boolean) => void }) {
  const pad = useRef<HTMLDivElement>(null);
  const sentMs = useRef(0);
  const [at, setAt] = useState<{ x: number; y: number } | null>(null);
  const show = (x: number, y: number, isUrgent = false) => {
    setAt({ x, y });
    const nowMs = performance.now();
    if (!isUrgent && nowMs - sentMs.current < SEND_MS_MIN) return;
    sentMs.current = nowMs;
    onPoint(x, y, true);
  };
  const hide = () => {
    setAt(null);
    onPoint(0, 0, false);
  };
  const move = (event: PointerEvent) => {
    const box = pad.current!.getBoundingClientRect();
    show(clamp((event.clientX - box.left) / box.width), clamp((event.clientY - box.top) / box.height), event.type === "pointerdown");
  };
  const key = (event: KeyboardEvent) => {
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (event.key === "Escape" && at) hide();
    if (!step) return;
    event.preventDefault();
    const from = at ?? { x: 0.5, y: 0.5 };
    show(clamp(from.x + step[0]! * KEY_STEP), clamp(from.y + step[1]! * KEY_STEP), true);
  };
  return (
    <div
      ref={pad} class="pointer-pad" tabIndex={0} role="application" aria-label={t("call.pointer_pad")}
      onPointerDown={move} onPointerMove={(event) => (event.pointerType === "mouse" || event.buttons > 0) && move(event)}
      onPointerUp={(event) => event.pointerType !== "mouse" && hide()} onPointerLeave={hide} onPointerCancel={hide}
      onKeyDown={key} onBlur={() => at && hide()}
    >
      {at ? <div class="pointer pointer-own" style={{ left: `${at.x * 100}%`, top: `${at.y * 100}%` }}><span class="pointer-ring" /></div> : null}
    </div>
  );
}

function clamp(value: number): number {
  return Math.min(1, Math.max(0, value));
}

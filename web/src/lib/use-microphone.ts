import { useEffect, useState } from "preact/hooks";
import { Microphone } from "./microphone";

/** A microphone for as long as the component is on the screen; renders again when it changes. */
export function useMicrophone(): { microphone: Microphone; track: MediaStreamTrack | null; isMuted: boolean; isAsking: boolean; open: (deviceId?: string) => Promise<void> } {
  const [microphone] = useState(() => new Microphone());
  const [, redraw] = useState(0);
  const [isAsking, setAsking] = useState(false);
  useEffect(() => {
    const changed = () => redraw((count) => count + 1);
    microphone.addEventListener("change", changed);
    return () => {
      microphone.removeEventListener("change", changed);
      microphone.close();
    };
  }, [microphone]);
  const open = async (deviceId?: string) => {
    setAsking(true);
    await microphone.open(deviceId);
    setAsking(false);
  };
  const track = microphone.track;
  return { microphone, track, isMuted: track === null || !track.enabled, isAsking, open };
}

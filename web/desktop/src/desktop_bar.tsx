/** The bar over the desktop: sound, figures, mouse, on-screen keyboard, full screen. It hides and comes back as the one over games does. */

import { BarButton, BarDock } from "../../app/src/play/overlay_bar";
import type { FullScreen } from "../../app/src/play/use_full_screen";
import type { PointerLock } from "../../app/src/play/use_pointer_lock";
import { setPreferences, usePreferences } from "../../app/src/preferences";

interface DesktopBarProps {
  isOn: boolean;
  /** Counts up when the shortcut for the bar is pressed. */
  wish: number;
  isViewer: boolean;
  hasSound: boolean;
  fullScreen: FullScreen;
  pointer: PointerLock;
  onType: () => void;
  onLeft: () => void;
}

export function DesktopBar(props: DesktopBarProps) {
  const chosen = usePreferences();
  const { fullScreen, pointer, isViewer } = props;
  const isSilent = chosen.isMuted || chosen.volume === 0;
  const act = (action: () => void) => (): void => {
    action();
    props.onLeft();
  };
  return (
    <BarDock isOn={props.isOn} wish={props.wish} onLeft={props.onLeft}>
      <span className="bar-title">Desktop</span>
      {isViewer && <span className="bar-badge">Watching</span>}
      <span className="bar-gap" />
      {props.hasSound && (
        <BarButton
          icon={isSilent ? "muted" : "volume"}
          label={isSilent ? "Unmute" : "Mute"}
          testId="mute-button"
          isPressed={isSilent}
          onClick={act(() =>
            setPreferences(isSilent ? { isMuted: false, volume: chosen.volume || 1 } : { isMuted: true }),
          )}
        />
      )}
      <BarButton
        icon="stats"
        label="Figures"
        testId="stats-toggle"
        isPressed={chosen.showsStats}
        onClick={act(() => setPreferences({ showsStats: !chosen.showsStats }))}
      />
      {pointer.isPossible && !isViewer && (
        <BarButton
          icon="mouse"
          label="Give the mouse to the desktop"
          testId="pointer-lock-button"
          onClick={pointer.toggle}
        />
      )}
      {navigator.maxTouchPoints > 0 && !isViewer && (
        <BarButton icon="typing" label="On-screen keyboard" testId="type-button" onClick={props.onType} />
      )}
      {fullScreen.isPossible && (
        <BarButton
          icon={fullScreen.isOn ? "window" : "fullscreen"}
          label={fullScreen.isOn ? "Leave full screen" : "Full screen"}
          testId="fullscreen-button"
          onClick={act(fullScreen.toggle)}
        />
      )}
    </BarDock>
  );
}

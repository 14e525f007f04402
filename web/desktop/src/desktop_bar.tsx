/** The bar over the desktop: sound, figures, mouse, on-screen keyboard, full screen. It hides and comes back as the one over games does. */

import { FullScreenButton, MuteButton, PointerButton, StatsButton, TypeButton } from "../../app/src/play/bar_buttons";
import { BarDock } from "../../app/src/play/overlay_bar";
import type { FullScreen } from "../../app/src/play/use_full_screen";
import type { PointerLock } from "../../app/src/play/use_pointer_lock";

interface DesktopBarProps {
  isOn: boolean;
  /** Counts up when the shortcut for the bar is pressed. */
  wish: number;
  isViewer: boolean;
  hasSound: boolean;
  fullScreen: FullScreen;
  pointer: PointerLock;
  isTyping: boolean;
  onType: () => void;
  onLeft: () => void;
}

export function DesktopBar(props: DesktopBarProps) {
  const { isViewer, onLeft } = props;
  return (
    <BarDock isOn={props.isOn} wish={props.wish} onLeft={onLeft}>
      <span className="bar-title">Desktop</span>
      {isViewer && <span className="bar-badge">Watching</span>}
      <span className="bar-gap" />
      {props.hasSound && <MuteButton onLeft={onLeft} />}
      <StatsButton onLeft={onLeft} />
      {!isViewer && <PointerButton pointer={props.pointer} of="desktop" />}
      {!isViewer && <TypeButton isTyping={props.isTyping} onType={props.onType} />}
      <FullScreenButton fullScreen={props.fullScreen} onLeft={onLeft} />
    </BarDock>
  );
}

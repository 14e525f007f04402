/** A gamepad over the picture, for fingers. What they hold goes the way of a real one's buttons. */

import { type PointerEvent, useEffect, useRef, useState } from "react";
import { type PadButton, type PadCapture, TouchPad } from "../../../player/src";

const REACH_PX = 48;

const KEYS: [PadButton, string][] = [
  ["left_trigger", "LT"],
  ["left_shoulder", "LB"],
  ["right_trigger", "RT"],
  ["right_shoulder", "RB"],
  ["up", "↑"],
  ["down", "↓"],
  ["left", "←"],
  ["right", "→"],
  ["north", "Y"],
  ["south", "A"],
  ["west", "X"],
  ["east", "B"],
  ["select", "Back"],
  ["start", "Start"],
];

export function DrawnPad({ capture }: { capture: PadCapture }) {
  const [pad] = useState(() => new TouchPad());
  useEffect(() => {
    capture.draw(pad);
    return () => capture.draw(null);
  }, [capture, pad]);
  return (
    <section className="drawn-pad" aria-label="Gamepad on the touch screen" data-testid="drawn-pad">
      <DrawnStick pad={pad} stick={0} />
      <DrawnStick pad={pad} stick={1} />
      {KEYS.map(([button, label]) => (
        <DrawnKey key={button} pad={pad} button={button} label={label} />
      ))}
    </section>
  );
}

function DrawnKey({ pad, button, label }: { pad: TouchPad; button: PadButton; label: string }) {
  const hold = (isDown: boolean) => (event: PointerEvent<HTMLButtonElement>) => {
    event.preventDefault(); // the game keeps the keyboard
    if (isDown) event.currentTarget.setPointerCapture(event.pointerId);
    event.currentTarget.classList.toggle("drawn-held", isDown);
    pad.press(button, isDown);
  };
  return (
    <button
      type="button"
      tabIndex={-1}
      className={`drawn-key drawn-${button}`}
      data-testid={`drawn-${button}`}
      onPointerDown={hold(true)}
      onPointerUp={hold(false)}
      onPointerCancel={hold(false)}
      onMouseDown={(event) => event.preventDefault()}
      onContextMenu={(event) => event.preventDefault()}
    >
      {label}
    </button>
  );
}

function DrawnStick({ pad, stick }: { pad: TouchPad; stick: 0 | 1 }) {
  const knob = useRef<HTMLSpanElement>(null);
  const finger = useRef<number | null>(null);
  const place = (x: number, y: number): void => {
    pad.move(stick, x / REACH_PX, y / REACH_PX);
    const [shownX = 0, shownY = 0] = pad.axes.slice(stick * 2, stick * 2 + 2);
    if (knob.current) knob.current.style.transform = `translate(${shownX * REACH_PX}px, ${shownY * REACH_PX}px)`;
  };
  const follow = (event: PointerEvent<HTMLDivElement>): void => {
    if (finger.current !== event.pointerId) return;
    const box = event.currentTarget.getBoundingClientRect();
    place(event.clientX - box.x - box.width / 2, event.clientY - box.y - box.height / 2);
  };
  const lift = (event: PointerEvent<HTMLDivElement>): void => {
    if (finger.current !== event.pointerId) return;
    finger.current = null;
    place(0, 0);
  };
  return (
    <div
      className={stick === 0 ? "drawn-stick drawn-stick-left" : "drawn-stick drawn-stick-right"}
      data-testid={`drawn-stick-${stick}`}
      role="application"
      aria-label={stick === 0 ? "Left stick" : "Right stick"}
      onPointerDown={(event) => {
        event.preventDefault();
        event.currentTarget.setPointerCapture(event.pointerId);
        finger.current = event.pointerId;
        follow(event);
      }}
      onPointerMove={follow}
      onPointerUp={lift}
      onPointerCancel={lift}
      onMouseDown={(event) => event.preventDefault()}
      onContextMenu={(event) => event.preventDefault()}
    >
      <span className="drawn-knob" ref={knob} />
    </div>
  );
}

/** Stop, which asks in its own place before it ends a game: nothing that was not saved comes back. */

import { type KeyboardEvent, type MouseEvent, useEffect, useRef, useState } from "react";
import { Icon } from "./icons";

interface StopControlProps {
  /** Of the first control; the one that ends the game has `stop-confirm`. */
  testId: string;
  /** The look of all its buttons. */
  className: string;
  hasIcon?: boolean;
  isStopping: boolean;
  /** Out of sight, the question is taken back. */
  isHidden?: boolean;
  onStop: () => void;
  /** Where the keyboard goes after an answer; back to the first control when left out. */
  onAnswered?: () => void;
}

export function StopControl({
  testId,
  className,
  hasIcon,
  isStopping,
  isHidden,
  onStop,
  onAnswered,
}: StopControlProps) {
  const [isAsking, setAsking] = useState(false);
  const [answers, setAnswers] = useState(0);
  const first = useRef<HTMLButtonElement>(null);
  const keep = useRef<HTMLButtonElement>(null);
  const settle = useRef<(() => void) | undefined>(undefined);
  settle.current = onAnswered ?? (() => first.current?.focus());
  useEffect(() => {
    if (isAsking) keep.current?.focus(); // a held Enter, or a second click in haste, ends nothing
  }, [isAsking]);
  useEffect(() => {
    if (isHidden) setAsking(false);
  }, [isHidden]);
  useEffect(() => {
    if (answers > 0) settle.current?.();
  }, [answers]);
  const answer = (isEnd: boolean): void => {
    setAsking(false);
    setAnswers((count) => count + 1);
    if (isEnd) onStop();
  };
  // The second click of a double click on Stop is no answer, wherever it lands.
  const clicked = (isEnd: boolean) => (event: MouseEvent) => event.detail < 2 && answer(isEnd);
  const keyDown = (event: KeyboardEvent): void => {
    if (event.key === "Escape") answer(false);
  };
  if (!isAsking || isStopping) {
    return (
      <button
        ref={first}
        className={className}
        type="button"
        onClick={() => setAsking(true)}
        disabled={isStopping}
        data-testid={testId}
      >
        {hasIcon && <Icon name="stop" />}
        <span>{isStopping ? "Stopping…" : "Stop"}</span>
      </button>
    );
  }
  return (
    <fieldset className="ask" aria-label="End the game?" onKeyDown={keyDown}>
      <span className="ask-text">End the game?</span>
      <button className={`${className} ask-end`} type="button" onClick={clicked(true)} data-testid="stop-confirm">
        End
      </button>
      <button ref={keep} className={className} type="button" onClick={clicked(false)} data-testid="stop-keep">
        Keep playing
      </button>
    </fieldset>
  );
}

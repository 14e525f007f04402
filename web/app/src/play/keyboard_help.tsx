/** Which keys are the page's own, and which the browser keeps. */

import { useEffect, useRef } from "react";
import { Icon } from "../ui/icons";

const OURS: [string, string][] = [
  ["Ctrl Alt Enter", "Full screen"],
  ["Ctrl Alt M", "Give the mouse to the game"],
  ["Ctrl Alt I", "Type text by an input method"],
  ["Ctrl Alt S", "Figures"],
  ["Ctrl Alt B", "The bar"],
  ["Esc", "Get the mouse back (hold it in full screen)"],
];

export function KeyboardHelp({ onClose }: { onClose: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    dialog.current?.showModal();
  }, []);
  return (
    <dialog ref={dialog} className="help" onClose={onClose} aria-labelledby="help-title" data-testid="keyboard-help">
      <h2 id="help-title">Keyboard</h2>
      <dl>
        {OURS.map(([keys, what]) => (
          <div key={keys}>
            <dt>
              {keys.split(" ").map((key) => (
                <kbd key={key}>{key}</kbd>
              ))}
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
      <p>
        Every other key goes to the game, save those that the browser needs: tabs, reload, zoom, F11, F12. In full
        screen the game gets these too, where the browser lends them.
      </p>
      <p>Touch: tap to click, drag to drag, tap with two fingers for the right button, move two fingers to scroll.</p>
      <form method="dialog">
        <button className="button button-primary" type="submit">
          <Icon name="close" />
          Close
        </button>
      </form>
    </dialog>
  );
}

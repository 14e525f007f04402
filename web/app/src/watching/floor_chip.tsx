/** Who plays, said all the time to who watches; and to who plays, that somebody would like to. */

import { calling, type FloorAct, type FloorView } from "../../../player/src";
import { Icon } from "../ui/icons";

interface FloorProps {
  floor: FloorView;
  onWish: (act: FloorAct, peerId?: number) => void;
}

export function playerWords(floor: FloorView): string {
  if (floor.isPlaying) return "You play";
  return floor.player ? `You are watching. ${calling(floor.player)} plays.` : "Nobody plays just now.";
}

export function FloorChip({ floor, onWish }: FloorProps) {
  if (!floor.isKnown || floor.isPlaying) return null;
  return (
    <div className="floor-chip" role="status" data-testid="floor-chip">
      <Icon name="eye" />
      <span data-testid="who-plays">{playerWords(floor)}</span>
      <WishButton floor={floor} onWish={onWish} />
    </div>
  );
}

/** What this person may do about not playing. */
export function WishButton({ floor, onWish }: FloorProps) {
  if (floor.mayTake) {
    return (
      <button className="button" type="button" onClick={() => onWish("take")} data-testid="take-control">
        {floor.player ? "Take over" : "Play"}
      </button>
    );
  }
  if (floor.me?.is_asking) {
    return (
      <button className="button" type="button" onClick={() => onWish("withdraw")} data-testid="withdraw-wish">
        Asked. Never mind
      </button>
    );
  }
  if (!floor.mayAsk) return null;
  return (
    <button className="button" type="button" onClick={() => onWish("ask")} data-testid="ask-control">
      Ask to play
    </button>
  );
}

/** The wishes of others, to who may grant them. */
export function Askers({ floor, onWish }: FloorProps) {
  return floor.asking.map((person) => (
    <div className="hint" key={person.peer_id} role="alert" data-testid="asker">
      <span>{calling(person)} would like to play.</span>
      <button
        className="button button-primary"
        type="button"
        onClick={() => onWish("give", person.peer_id)}
        data-testid="give-control"
      >
        Hand over
      </button>
      <button
        className="button"
        type="button"
        onClick={() => onWish("decline", person.peer_id)}
        data-testid="decline-control"
      >
        Not now
      </button>
    </div>
  ));
}

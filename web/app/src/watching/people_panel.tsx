/** Who is there, who plays, handing over, and asking others in. While this is open the game gets no keys. */

import { type ReactNode, useEffect, useRef } from "react";
import { calling, type FloorAct, type FloorView, type Person } from "../../../player/src";
import { Icon } from "../ui/icons";
import { WishButton } from "./floor_chip";

interface PeoplePanelProps {
  floor: FloorView;
  onWish: (act: FloorAct, peerId?: number) => void;
  onClose: () => void;
  /** Invitations, for those who may make some. */
  children?: ReactNode;
}

export function PeoplePanel({ floor, onWish, onClose, children }: PeoplePanelProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  const { me } = floor;
  return (
    <dialog
      ref={dialog}
      className="help people"
      onClose={onClose}
      aria-labelledby="people-title"
      data-testid="people-panel"
    >
      <h2 id="people-title">Who is here</h2>
      <ul className="people-list">
        {me && <Row person={me} floor={floor} onWish={onWish} isMe />}
        {floor.others.map((person) => (
          <Row key={person.peer_id} person={person} floor={floor} onWish={onWish} />
        ))}
      </ul>
      {me && !floor.isPlaying && (
        <div className="row people-mine">
          <WishButton floor={floor} onWish={onWish} />
          {me.may_play && floor.player && (
            <button
              className="button"
              type="button"
              onClick={() => onWish(me.has_pads ? "leave_pads" : "join_pads")}
              data-testid="join-pads"
            >
              <Icon name="gamepad" />
              {me.has_pads ? "Put the gamepad down" : "Play along with a gamepad"}
            </button>
          )}
        </div>
      )}
      {floor.isPlaying && me?.rank !== "owner" && (
        <div className="row people-mine">
          <button className="button" type="button" onClick={() => onWish("release")} data-testid="release-control">
            Give control back
          </button>
        </div>
      )}
      {children}
      <form method="dialog">
        <button className="button button-primary" type="submit">
          <Icon name="close" />
          Close
        </button>
      </form>
    </dialog>
  );
}

interface RowProps {
  person: Person;
  floor: FloorView;
  onWish: (act: FloorAct, peerId?: number) => void;
  isMe?: boolean;
}

function Row({ person, floor, onWish, isMe }: RowProps) {
  const plays = floor.player?.peer_id === person.peer_id;
  const canHaveIt = floor.decides && !isMe && !plays && person.may_play;
  return (
    <li className="person" data-testid="person" data-plays={plays}>
      <Icon name={plays ? "play" : person.has_pads ? "gamepad" : "eye"} />
      <span className="person-name">
        {calling(person)}
        {isMe && " – you"}
        <small>{doing(person, plays)}</small>
      </span>
      {canHaveIt && (
        <button className="button" type="button" onClick={() => onWish("give", person.peer_id)} data-testid="hand-over">
          Hand over
        </button>
      )}
      {canHaveIt && person.is_asking && (
        <button className="button" type="button" onClick={() => onWish("decline", person.peer_id)}>
          Not now
        </button>
      )}
    </li>
  );
}

function doing(person: Person, plays: boolean): string {
  if (plays) return "plays";
  if (person.is_asking) return "watches, and would like to play";
  if (person.has_pads) return "plays along with a gamepad";
  return person.may_play ? "watches" : "may only watch";
}

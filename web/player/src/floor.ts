/**
 * Who plays and who looks on, as the page sees it (`contracts/floor.py` is the definition). Pure.
 *
 * The seat decides all of it; what is worked out here is what to show, and which buttons make sense.
 */

export type Rank = "owner" | "admin" | "guest";
export type FloorAct = "take" | "ask" | "withdraw" | "give" | "decline" | "release" | "join_pads" | "leave_pads";

export interface FloorWish {
  type: "floor";
  act: FloorAct;
  /** Whom; of `give` and `decline`. */
  peer_id?: number;
}

export interface Person {
  peer_id: number;
  name: string;
  rank: Rank;
  may_play: boolean;
  is_asking: boolean;
  has_pads: boolean;
}

export interface People {
  type: "people";
  /** Who plays; null: nobody. */
  player: number | null;
  people: Person[];
}

export interface FloorView {
  /** False until the seat has said anything. */
  isKnown: boolean;
  isPlaying: boolean;
  me: Person | null;
  player: Person | null;
  others: Person[];
  /** Those whom this page may answer. */
  asking: Person[];
  /** May hand control over, and refuse it. */
  decides: boolean;
  mayTake: boolean;
  mayAsk: boolean;
}

export const NOBODY: FloorView = {
  isKnown: false,
  isPlaying: false,
  me: null,
  player: null,
  others: [],
  asking: [],
  decides: false,
  mayTake: false,
  mayAsk: false,
};

export function floorView(message: People, myId: number): FloorView {
  const { people, player: playerId } = message;
  const me = people.find((person) => person.peer_id === myId) ?? null;
  const isPlaying = me !== null && playerId === myId;
  const mayPlay = me?.may_play === true;
  const isSteward = mayPlay && me.rank !== "guest";
  const decides = isPlaying || isSteward;
  const others = people.filter((person) => person.peer_id !== myId);
  const mayTake = mayPlay && !isPlaying && (isSteward || playerId === null);
  return {
    isKnown: true,
    isPlaying,
    me,
    player: people.find((person) => person.peer_id === playerId) ?? null,
    others,
    asking: decides ? others.filter((person) => person.is_asking) : [],
    decides,
    mayTake,
    mayAsk: mayPlay && !isPlaying && !mayTake && !me.is_asking,
  };
}

/** Something that everybody at this page should hear; null where nothing of that kind changed. */
export function floorNews(before: FloorView, after: FloorView): string | null {
  if (!before.isKnown || !after.isKnown) return null;
  if (before.player?.peer_id !== after.player?.peer_id) {
    if (after.isPlaying) return "You play now.";
    return after.player ? `${calling(after.player)} plays now.` : "Nobody plays now.";
  }
  const hadPads = new Set(before.others.filter((person) => person.has_pads).map((person) => person.peer_id));
  const joined = after.others.find((person) => person.has_pads && !hadPads.has(person.peer_id));
  return joined ? `${calling(joined)} plays along with a gamepad.` : null;
}

/** Guests choose their names: that they are guests is always said. */
export function calling(person: Pick<Person, "name" | "rank">): string {
  return person.rank === "guest" ? `${person.name} (guest)` : person.name;
}

const RANKS: readonly unknown[] = ["owner", "admin", "guest"];

/** Whether a message of the type `people` is whole. */
export function isPeople(message: Record<string, unknown>): boolean {
  const { player, people } = message;
  return (player === null || typeof player === "number") && Array.isArray(people) && people.every(isPerson);
}

function isPerson(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  const person = value as Record<string, unknown>;
  return (
    typeof person.peer_id === "number" &&
    typeof person.name === "string" &&
    RANKS.includes(person.rank) &&
    [person.may_play, person.is_asking, person.has_pads].every((claim) => typeof claim === "boolean")
  );
}

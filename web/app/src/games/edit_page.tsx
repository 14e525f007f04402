/** Edits a game of the library, or removes it; of two people who edit at once the second is told. */

import { useState } from "react";
import { ApiProblem } from "../api/client";
import { follow, go } from "../router";
import { Icon } from "../ui/icons";
import { Problem } from "../ui/problem";
import { Shell } from "../ui/shell";
import { useTitle } from "../use_title";
import {
  type Draft,
  EMPTY,
  type Faults,
  faultsOf,
  launchOf,
  limitsOf,
  networkOf,
  withLaunch,
  withLimits,
  withNetwork,
} from "./draft";
import { GameForm } from "./game_form";
import { useChangeGame, useDetails, useRemoveGame, useTakeOver } from "./queries";
import type { GameDetails } from "./types";

export function EditGamePage({ gameId, isConnected }: { gameId: string; isConnected: boolean }) {
  const details = useDetails(gameId);
  useTitle(details.data ? `Edit ${details.data.title}` : "Edit a game");
  return (
    <Shell isConnected={isConnected}>
      <div className="settings game-page">
        <h1>{details.data?.title ?? gameId}</h1>
        {details.error && (
          <Problem error={details.error}>
            <button className="button" type="button" onClick={() => details.refetch()}>
              Try again
            </button>
          </Problem>
        )}
        {details.data && <KnownGame key={details.dataUpdatedAt} details={details.data} onReload={details.refetch} />}
      </div>
    </Shell>
  );
}

/** What the form starts with. Pure. */
export function draftOf(details: GameDetails): Draft {
  const named = {
    ...EMPTY,
    title: details.title,
    gameId: details.game_id,
    summary: details.summary,
    keepsChanges: details.keeps_changes,
    isInstaller: details.is_installer,
    followsHead: details.head_tracking,
  };
  return withNetwork(
    withLimits(withLaunch(named, details.launch), details.display, details.resources),
    details.network,
  );
}

function KnownGame({ details, onReload }: { details: GameDetails; onReload: () => void }) {
  const [draft, setDraft] = useState(() => draftOf(details));
  const [faults, setFaults] = useState<Faults>({});
  const [rest, setRest] = useState<string[]>([]);
  const change = useChangeGame(details.game_id);
  const isFound = details.source.startsWith("desktop:");
  const isOurs = details.launch.kind !== "qemu" && details.launch.kind !== "desktop";
  const submit = (): void => {
    const made = launchOf(draft, details.launch);
    setRest([]);
    if ("faults" in made) return setFaults(made.faults);
    setFaults({});
    const limits = limitsOf(draft, details.display, details.resources);
    const { title, summary, keepsChanges: keeps_changes, isInstaller: is_installer, followsHead } = draft;
    const network = networkOf(draft);
    const flags = { keeps_changes, is_installer, head_tracking: followsHead };
    const body = { title, summary, ...flags, network, launch: made.launch, ...limits };
    change.mutate(
      { version: details.version, body },
      {
        onSuccess: () => go("/"),
        onError: (error) => {
          const found = faultsOf(error instanceof ApiProblem ? error.faults : []);
          setFaults(found.faults);
          setRest(found.rest);
        },
      },
    );
  };
  if (!isOurs) {
    return <p>A game of the kind {details.launch.kind} is edited in its game.toml.</p>;
  }
  const isMeanwhile = change.error instanceof ApiProblem && change.error.code === "changed_meanwhile";
  const isAtFields = Object.keys(faults).length > 0 && rest.length === 0;
  return (
    <>
      {isFound && (
        <p className="left-out">
          Found on this machine. Once you change it, it is yours: it no longer follows its package.
        </p>
      )}
      {details.unmet.length > 0 && (
        <ul className="unmet" data-testid="unmet">
          {details.unmet.map((text) => (
            <li key={text}>
              <Icon name="warning" />
              It {text.startsWith("its ") ? `can’t start: ${text}` : text}
            </li>
          ))}
        </ul>
      )}
      {details.is_installer && <Installing gameId={details.game_id} />}
      <GameForm
        draft={draft}
        faults={faults}
        candidates={details.programs}
        onChange={setDraft}
        onSubmit={submit}
        isNew={false}
      >
        {change.error && !isAtFields && (
          <Problem error={rest.length > 0 ? new Error(rest.join("; ")) : change.error}>
            {isMeanwhile && (
              <button className="button" type="button" onClick={onReload} data-testid="game-reload">
                Load it again
              </button>
            )}
          </Problem>
        )}
        <div className="form-actions">
          <button className="button button-primary" type="submit" disabled={change.isPending} data-testid="game-submit">
            {change.isPending ? "Saving…" : "Save"}
          </button>
          <a className="button button-quiet" href="/" onClick={follow}>
            Cancel
          </a>
          {!isFound && <Remove gameId={details.game_id} />}
        </div>
      </GameForm>
    </>
  );
}

function Installing({ gameId }: { gameId: string }) {
  const takeOver = useTakeOver(gameId);
  return (
    <section className="panel form" data-testid="installing">
      <h2>Not installed yet</h2>
      <p>
        Play it from the library and click through its installer. When it has ended, take over what it left: it becomes
        the game, for every player, and its programs are offered below.
      </p>
      <button
        className="button button-primary"
        type="button"
        disabled={takeOver.isPending}
        onClick={() => takeOver.mutate()}
        data-testid="take-over"
      >
        <Icon name="check" />
        {takeOver.isPending ? "Taking over…" : "Take over what it installed"}
      </button>
      {takeOver.error && <Problem error={takeOver.error} />}
    </section>
  );
}

function Remove({ gameId }: { gameId: string }) {
  const remove = useRemoveGame(gameId);
  const [isAsking, setAsking] = useState(false);
  return (
    <div className="remove">
      {remove.error && <Problem error={remove.error} />}
      {isAsking ? (
        <fieldset className="ask" aria-label="Remove the game?">
          <span className="ask-text">Remove it with its files?</span>
          <button
            className="button ask-end"
            type="button"
            disabled={remove.isPending}
            onClick={() => remove.mutate(undefined, { onSuccess: () => go("/") })}
            data-testid="remove-confirm"
          >
            {remove.isPending ? "Removing…" : "Remove"}
          </button>
          {/* biome-ignore lint/a11y/noAutofocus: a held Enter removes nothing */}
          <button className="button" type="button" autoFocus onClick={() => setAsking(false)}>
            Keep it
          </button>
        </fieldset>
      ) : (
        <button className="button" type="button" onClick={() => setAsking(true)} data-testid="remove-game">
          <Icon name="trash" />
          Remove
        </button>
      )}
    </div>
  );
}

/** What a player has of a game: how much room it takes, and to take it along, bring it back, or begin anew. */

import { useRef, useState } from "react";
import { useMe } from "../api/queries";
import { follow } from "../router";
import { Icon } from "../ui/icons";
import { Problem } from "../ui/problem";
import { Shell } from "../ui/shell";
import { useTitle } from "../use_title";
import { Ask } from "./ask";
import { useGame, useResetSaves, useRestoreSaves, useSaves } from "./queries";
import { size } from "./sizes";
import type { Prefix, Saves } from "./types";

const DOING = { reset: "Being reset", export: "Being packed", restore: "Being restored" } as const;

export function SavesPage({ gameId, isConnected }: { gameId: string; isConnected: boolean }) {
  const game = useGame(gameId);
  const saves = useSaves(gameId);
  const title = game.data?.title ?? gameId;
  useTitle(`Saves of ${title}`);
  return (
    <Shell isConnected={isConnected}>
      <div className="settings game-page">
        <h1>Your saves of {title}</h1>
        {saves.error && (
          <Problem error={saves.error}>
            <button className="button" type="button" onClick={() => saves.refetch()}>
              Try again
            </button>
          </Problem>
        )}
        {saves.data && <Known gameId={gameId} saves={saves.data} />}
      </div>
    </Shell>
  );
}

function Known({ gameId, saves }: { gameId: string; saves: Saves }) {
  const me = useMe();
  const share = Math.min(1, saves.used_bytes / saves.limit_bytes);
  const isBusy = saves.is_played || saves.work !== null;
  return (
    <>
      <section className="panel form" data-testid="saves" data-used={saves.used_bytes}>
        <h2>Room</h2>
        <progress className="meter" max={1} value={share} aria-label="Used" />
        <p>
          {size(saves.used_bytes)} of {size(saves.limit_bytes)}. A game that goes over that is ended.
        </p>
        {saves.is_played && (
          <p className="field-hint" data-testid="saves-played">
            You are playing it. Stop it first to do something to its saves.
          </p>
        )}
        {saves.work && <Doing work={saves.work} />}
      </section>
      <Take gameId={gameId} isBusy={isBusy} />
      <Anew gameId={gameId} saves={saves} isBusy={isBusy} />
      <p>
        <a className="button button-quiet" href="/" onClick={follow}>
          To the library
        </a>
        {me.data?.user.role === "admin" && (
          <a className="button button-quiet" href={`/games/${encodeURIComponent(gameId)}/edit`} onClick={follow}>
            Edit the game
          </a>
        )}
      </p>
    </>
  );
}

function Doing({ work }: { work: NonNullable<Saves["work"]> }) {
  const share = work.total_bytes > 0 ? Math.min(1, work.done_bytes / work.total_bytes) : undefined;
  return (
    <div className="form" aria-live="polite" data-testid="saves-work">
      <p>
        {DOING[work.kind]}
        {work.total_bytes > 0 && `: ${size(work.done_bytes)} of ${size(work.total_bytes)}`}
      </p>
      <progress className="meter" max={1} value={share} aria-label={DOING[work.kind]} />
    </div>
  );
}

function Take({ gameId, isBusy }: { gameId: string; isBusy: boolean }) {
  const restore = useRestoreSaves(gameId);
  const input = useRef<HTMLInputElement>(null);
  const [file, setFile] = useState<File | null>(null);
  return (
    <section className="panel form">
      <h2>Take it along</h2>
      <p>One zip file with everything: saves, settings, Windows drives. It can be brought back here or elsewhere.</p>
      <div className="row">
        <a
          className="button button-primary"
          aria-disabled={isBusy}
          href={isBusy ? undefined : `/api/v1/games/${encodeURIComponent(gameId)}/saves/archive`}
          download
          data-testid="saves-export"
        >
          <Icon name="download" />
          Download
        </a>
        <button
          className="button"
          type="button"
          disabled={isBusy || restore.isPending}
          onClick={() => input.current?.click()}
          data-testid="saves-restore"
        >
          {restore.isPending ? "Bringing back…" : "Bring back…"}
        </button>
        <input
          ref={input}
          className="visually-hidden"
          type="file"
          accept=".zip,application/zip"
          tabIndex={-1}
          aria-label="An archive of saves"
          onChange={(event) => {
            setFile(event.target.files?.[0] ?? null);
            event.target.value = "";
          }}
          data-testid="saves-file"
        />
      </div>
      {file && (
        <Ask
          question={`Replace all that you have of this game by ${file.name}?`}
          yes="Replace"
          no="Keep what I have"
          onAnswer={(isYes) => {
            setFile(null);
            if (isYes) restore.mutate(file);
          }}
        />
      )}
      {restore.error && <Problem error={restore.error} />}
      {restore.isSuccess && <p data-testid="saves-restored">It is back.</p>}
    </section>
  );
}

function Anew({ gameId, saves, isBusy }: { gameId: string; saves: Saves; isBusy: boolean }) {
  const reset = useResetSaves(gameId);
  const [asked, setAsked] = useState<{ part: string; prefix?: string } | null>(null);
  const question = asked?.prefix
    ? `Reset the Windows drive ${asked.prefix}? What was installed and saved on it is lost.`
    : asked?.part === "game_folder"
      ? "Take back what the game changed in its own folder?"
      : "Lose everything that you have of this game?";
  return (
    <section className="panel form">
      <h2>Begin anew</h2>
      {saves.prefixes.map((prefix) => (
        <Line
          key={`${prefix.kind} ${prefix.name}`}
          text={`Windows drive “${prefix.name}”, ${size(prefix.used_bytes)}`}
          hint={hintOf(prefix)}
          isBusy={isBusy || reset.isPending}
          testId={`reset-prefix-${prefix.name}`}
          onReset={() => setAsked({ part: "prefix", prefix: prefix.name })}
        />
      ))}
      {saves.game_folder_bytes > 0 && (
        <Line
          text={`What it changed in its own folder, ${size(saves.game_folder_bytes)}`}
          isBusy={isBusy || reset.isPending}
          testId="reset-game-folder"
          onReset={() => setAsked({ part: "game_folder" })}
        />
      )}
      <Line
        text={`Everything, ${size(saves.used_bytes)}`}
        isBusy={isBusy || reset.isPending}
        testId="reset-everything"
        onReset={() => setAsked({ part: "everything" })}
      />
      {asked && (
        <Ask
          question={`${question} It can’t be taken back.`}
          yes="Reset"
          no="Keep it"
          onAnswer={(isYes) => {
            setAsked(null);
            if (isYes) reset.mutate(asked);
          }}
        />
      )}
      {reset.error && <Problem error={reset.error} />}
    </section>
  );
}

/** What a newer Wine means for a drive. */
function hintOf(prefix: Prefix): string | undefined {
  if (prefix.is_current !== false) return undefined;
  return "Made by another Wine than the one that is installed. The next start brings it up to this one; what is on it stays.";
}

interface LineProps {
  text: string;
  hint?: string | undefined;
  isBusy: boolean;
  testId: string;
  onReset: () => void;
}

function Line({ text, hint, isBusy, testId, onReset }: LineProps) {
  return (
    <div className="saves-line">
      <div>
        <p>{text}</p>
        {hint && <p className="field-hint">{hint}</p>}
      </div>
      <button className="button button-small" type="button" disabled={isBusy} onClick={onReset} data-testid={testId}>
        Reset
      </button>
    </div>
  );
}

/** Adds a game: a folder of the server, what was found in it, how it starts; then a copy that can be watched. */

import { useEffect, useState } from "react";
import { ApiProblem } from "../api/client";
import { useMe } from "../api/queries";
import { follow, go } from "../router";
import { Cover } from "../ui/cover";
import { Icon } from "../ui/icons";
import { Problem } from "../ui/problem";
import { Shell } from "../ui/shell";
import { useTitle } from "../use_title";
import { chosen, type Draft, EMPTY, type Faults, faultsOf, launchOf, limitsOf, networkOf } from "./draft";
import { FolderPicker } from "./folder_picker";
import { GameForm } from "./game_form";
import { useAddGame, useAddition, useCancelAddition, useSurvey } from "./queries";
import { size } from "./sizes";
import type { Addition, Survey } from "./types";

const SYSTEMS = { windows: "A Windows game", linux: "A Linux game", dos: "An MS-DOS game" } as const;

export function AddGamePage({ isConnected }: { isConnected: boolean }) {
  useTitle("Add a game");
  const me = useMe();
  const [path, setPath] = useState<string | null>(null);
  const [importId, setImportId] = useState<string | null>(null);
  const survey = useSurvey(path);
  return (
    <Shell isConnected={isConnected}>
      <div className="settings game-page">
        <h1>Add a game</h1>
        {me.data?.user.role !== "admin" && <p>Only admins add games.</p>}
        {me.data?.user.role === "admin" && importId === null && (
          <>
            {path === null ? <FolderPicker onChoose={setPath} /> : <Chosen path={path} onBack={() => setPath(null)} />}
            {survey.error && <Problem error={survey.error} />}
            {path !== null && survey.isPending && <p aria-busy="true">Looking through its files…</p>}
            {path !== null && survey.data && (
              <NewGame key={path} survey={survey.data} onStarted={(addition) => setImportId(addition.import_id)} />
            )}
          </>
        )}
        {importId !== null && (
          <Copying
            importId={importId}
            onAgain={() => {
              setImportId(null);
              setPath(null);
            }}
          />
        )}
      </div>
    </Shell>
  );
}

function Chosen({ path, onBack }: { path: string; onBack: () => void }) {
  return (
    <div className="chosen">
      <Icon name="folder" />
      <code>{path}</code>
      <button className="button button-small" type="button" onClick={onBack} data-testid="choose-other">
        Choose another
      </button>
    </div>
  );
}

/** What the form starts with. Pure. */
export function firstDraft(survey: Survey): Draft {
  const best = survey.candidates.find((one) => one.launch !== null);
  const draft = { ...EMPTY, title: survey.title, gameId: survey.game_id };
  return best ? chosen(draft, best) : draft;
}

function NewGame({ survey, onStarted }: { survey: Survey; onStarted: (addition: Addition) => void }) {
  const [draft, setDraft] = useState(() => firstDraft(survey));
  const [faults, setFaults] = useState<Faults>({});
  const [rest, setRest] = useState<string[]>([]);
  const add = useAddGame();
  const base = survey.candidates.find((one) => `./${one.path}` === draft.program);
  const submit = (): void => {
    const made = launchOf(draft, base?.launch ?? null);
    setRest([]);
    if ("faults" in made) return setFaults(made.faults);
    setFaults({});
    const body = {
      path: survey.path,
      game_id: draft.gameId.trim(),
      title: draft.title,
      summary: draft.summary,
      keeps_changes: draft.keepsChanges,
      is_installer: draft.isInstaller,
      head_tracking: draft.followsHead,
      network: networkOf(draft),
      launch: made.launch,
      ...limitsOf(draft, null, base?.resources ?? null),
    };
    add.mutate(body, {
      onSuccess: onStarted,
      onError: (error) => {
        const found = faultsOf(error instanceof ApiProblem ? error.faults : []);
        setFaults(found.faults);
        setRest(found.rest);
      },
    });
  };
  const isAtFields = Object.keys(faults).length > 0 && rest.length === 0;
  return (
    <>
      <p className="detected" data-testid="detected">
        <strong>{survey.system ? SYSTEMS[survey.system] : "No program was found"}</strong>
        <span>
          {survey.files} {survey.files === 1 ? "file" : "files"}, {size(survey.size_bytes)}
        </span>
      </p>
      {survey.left_out.length > 0 && (
        <p className="left-out">
          Left out, since it is a device or leads elsewhere: {survey.left_out.slice(0, 5).join(", ")}
          {survey.left_out.length > 5 && ` and ${survey.left_out.length - 5} more`}
        </p>
      )}
      <GameForm
        draft={draft}
        faults={faults}
        candidates={survey.candidates}
        onChange={setDraft}
        onSubmit={submit}
        isNew
      >
        {add.error && !isAtFields && <Problem error={rest.length > 0 ? new Error(rest.join("; ")) : add.error} />}
        <div className="form-actions">
          <button
            className="button button-primary"
            type="submit"
            disabled={add.isPending || add.isSuccess}
            data-testid="game-submit"
          >
            <Icon name="plus" />
            {add.isPending ? "Adding…" : "Add to the library"}
          </button>
          <a className="button button-quiet" href="/" onClick={follow}>
            Cancel
          </a>
        </div>
      </GameForm>
    </>
  );
}

function Copying({ importId, onAgain }: { importId: string; onAgain: () => void }) {
  const addition = useAddition(importId);
  const cancel = useCancelAddition();
  const now = addition.data;
  const isDone = now?.state === "done";
  useEffect(() => {
    if (now?.state === "cancelled") go("/");
  }, [now?.state]);
  if (addition.error) return <Problem error={addition.error} />;
  if (!now) return null;
  const share = now.total_bytes > 0 ? Math.min(1, now.copied_bytes / now.total_bytes) : isDone ? 1 : 0;
  return (
    <section className="panel copying" aria-live="polite" data-testid="addition" data-state={now.state}>
      <div className="copying-cover">
        <Cover title={now.title} iconUrl={null} />
      </div>
      <div className="form">
        <h2>{isDone ? `${now.title} is in the library` : now.title}</h2>
        {now.state === "copying" && (
          <>
            <progress max={1} value={share} aria-label="Copied" />
            <p>
              {size(now.copied_bytes)} of {size(now.total_bytes)} copied
            </p>
            <button
              className="button copying-stop"
              type="button"
              onClick={() => cancel.mutate(importId)}
              disabled={cancel.isPending || cancel.isSuccess}
            >
              {cancel.isSuccess ? "Stopping…" : "Stop"}
            </button>
          </>
        )}
        {now.state === "failed" && (
          <Problem
            error={
              new ApiProblem({
                status: 500,
                code: "failed",
                detail: now.problem ?? "It failed",
                hint: now.hint,
              })
            }
          />
        )}
        {now.state !== "copying" && (
          <div className="row">
            {isDone && (
              <a className="button button-primary" href="/" onClick={follow} data-testid="to-library">
                To the library
              </a>
            )}
            <button className="button" type="button" onClick={onAgain}>
              {isDone ? "Add another" : "Try again"}
            </button>
          </div>
        )}
      </div>
    </section>
  );
}

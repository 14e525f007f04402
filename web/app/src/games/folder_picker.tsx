/** Chooses a folder or a file of the server's import directory. */

import { useState } from "react";
import { Icon } from "../ui/icons";
import { Problem } from "../ui/problem";
import { useFolder } from "./queries";
import { size } from "./sizes";

export function FolderPicker({ onChoose }: { onChoose: (path: string) => void }) {
  const [path, setPath] = useState("");
  const folder = useFolder(path);
  const parts = path.split("/").filter(Boolean);
  const open = (name: string): void => setPath(path ? `${path}/${name}` : name);
  return (
    <section className="panel" aria-labelledby="picker-title">
      <h2 id="picker-title">Where is it?</h2>
      <p>
        Put the game’s folder into <code>{folder.data?.directory ?? "the import directory"}</code> on the server, then
        choose it here. It is copied; what lies there is not touched.
      </p>
      <nav className="crumbs" aria-label="Folder">
        <button type="button" className="crumb" onClick={() => setPath("")} disabled={parts.length === 0}>
          <Icon name="folder" />
          import
        </button>
        {parts.map((name, at) => (
          <button
            key={parts.slice(0, at + 1).join("/")}
            type="button"
            className="crumb"
            onClick={() => setPath(parts.slice(0, at + 1).join("/"))}
            disabled={at === parts.length - 1}
          >
            {name}
          </button>
        ))}
      </nav>
      {folder.error && <Problem error={folder.error} />}
      {folder.data && folder.data.items.length === 0 && (
        <p className="nothing" data-testid="picker-empty">
          There is nothing here yet.
        </p>
      )}
      {folder.data && folder.data.items.length > 0 && (
        <ul className="picker" data-testid="picker">
          {folder.data.items.map((item) => (
            <li key={item.name} className="picker-item">
              {item.is_folder ? (
                <button type="button" className="picker-name" onClick={() => open(item.name)} title="Look inside">
                  <Icon name="folder" />
                  <span>{item.name}</span>
                </button>
              ) : (
                <span className="picker-name">
                  <Icon name="file" />
                  <span>{item.name}</span>
                </span>
              )}
              <span className="picker-size">{item.size_bytes === null ? "" : size(item.size_bytes)}</span>
              <button
                type="button"
                className="button button-small"
                onClick={() => onChoose(path ? `${path}/${item.name}` : item.name)}
                aria-label={`Choose ${item.name}`}
                data-testid="picker-choose"
              >
                Choose
              </button>
            </li>
          ))}
        </ul>
      )}
      <button className="button" type="button" onClick={() => folder.refetch()} disabled={folder.isFetching}>
        <Icon name="again" />
        Look again
      </button>
    </section>
  );
}

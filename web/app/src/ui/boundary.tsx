/** What is shown in place of a page that broke, so that nobody is left before an empty window. */

import { Component, type ReactNode } from "react";
import { Mark } from "./logo";

export class Boundary extends Component<{ children: ReactNode }, { error: unknown }> {
  override state = { error: null };

  static getDerivedStateFromError(error: unknown) {
    return { error };
  }

  override render(): ReactNode {
    const { error } = this.state;
    if (error === null) return this.props.children;
    return (
      <main className="alone" role="alert" data-testid="page-broke">
        <Mark />
        <h1>This page broke</h1>
        <p>That is a fault of ours. A game that runs goes on: it is there again when the page is.</p>
        <p>
          <code>{String(error)}</code>
        </p>
        <div className="row">
          <button className="button button-primary" type="button" onClick={() => location.reload()}>
            Reload
          </button>
          <a className="button" href="/">
            To the library
          </a>
        </div>
      </main>
    );
  }
}

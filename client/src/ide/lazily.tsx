// Parts of the page that are loaded when they are wanted. The network may be gone just then, and the server may be a newer one that
// has them no more: neither may take the rest of the page with it.
import { Component, lazy, Suspense, useReducer, type ComponentType, type ReactNode } from "react";
import { connection } from "../store/conn";
import { t } from "../strings";

const TRIES = 3;

/** Resolves with what load gives; when it fails the connection is asked after, and waited for, before the next try. */
export async function patiently<T>(load: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await load();
    } catch (error) {
      if (tries === TRIES) throw error;
      connection.failed();
      await connection.online();
    }
  }
}

interface BoundaryState {
  problem: string | null;
}

/** What can't be drawn says so in its place. */
export class Boundary extends Component<{ children: ReactNode; onAgain?: () => void }, BoundaryState> {
  override state: BoundaryState = { problem: null };

  static getDerivedStateFromError(error: unknown): BoundaryState {
    return { problem: error instanceof Error ? error.message : String(error) };
  }

  override render(): ReactNode {
    if (this.state.problem === null) return this.props.children;
    const again = () => {
      this.props.onAgain?.();
      this.setState({ problem: null });
    };
    return (
      <div className="broken" role="alert">
        <p>{t.broken.text(this.state.problem)}</p>
        <button type="button" onClick={again}>
          {t.broken.again}
        </button>
        <button type="button" onClick={() => location.reload()}>
          {t.broken.reload}
        </button>
      </div>
    );
  }
}

/** A component that is loaded when it is first drawn, with what stands in its place until then. */
export function lazily<P extends object>(load: () => Promise<{ default: ComponentType<P> }>, meanwhile: ReactNode = <p className="hint">{t.loading}</p>): ComponentType<P> {
  const make = () => lazy(() => patiently(load)) as unknown as ComponentType<P>;
  let Loaded = make();
  return function Lazily(props: P) {
    const [, redraw] = useReducer((n: number) => n + 1, 0);
    const again = () => {
      Loaded = make(); // React remembers what came of the old one
      redraw();
    };
    return (
      <Boundary onAgain={again}>
        <Suspense fallback={meanwhile}>
          <Loaded {...props} />
        </Suspense>
      </Boundary>
    );
  };
}

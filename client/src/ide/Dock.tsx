// Tabs that can be dragged, split and closed: dockview, with a tab of our own (its default one nests buttons in a tab,
// which screen readers can't reach).
import {
  DockviewReact, themeDark, themeLight, type DockviewReadyEvent, type IDockviewPanelHeaderProps, type IDockviewPanelProps,
} from "dockview-react";
import "dockview-react/dist/styles/dockview.css";
import { X } from "lucide-react";
import { useCallback, useEffect, useRef, useState, useSyncExternalStore, type KeyboardEvent } from "react";
import { Badge, ConsolePanel } from "../console/ConsolePanel";
import { EditorPanel } from "../editor/EditorPanel";
import { nameOf } from "../lib/files/paths";
import { useFiles } from "../store/files";
import { shortLabelOf, useRuns } from "../store/runs";
import { themeInForce, useSettings } from "../store/settings";
import { attachDock, closePanel, getDock, type PanelParams } from "../store/tabs";
import { t } from "../strings";
import { Boundary } from "./lazily";
import { Welcome } from "./Welcome";

/** A tab out of sight costs nothing: its content is not there. */
function useVisible({ api }: Pick<IDockviewPanelProps, "api">): boolean {
  const subscribe = useCallback(
    (looker: () => void) => {
      const subscription = api.onDidVisibilityChange(looker);
      return () => subscription.dispose();
    },
    [api],
  );
  return useSyncExternalStore(subscribe, () => api.isVisible);
}

/** dockview hands the parameters over once; later ones come as events. */
function useParams(props: Pick<IDockviewPanelProps<PanelParams>, "api" | "params">): PanelParams {
  const [params, setParams] = useState(props.params);
  useEffect(() => {
    const subscription = props.api.onDidParametersChange((p) => setParams(p as PanelParams));
    return () => subscription.dispose();
  }, [props.api]);
  return params;
}

function FilePanel(props: IDockviewPanelProps<PanelParams>) {
  const { path } = useParams(props);
  const visible = useVisible(props);
  const [active, setActive] = useState(props.api.isActive);
  useEffect(() => {
    const subscription = props.api.onDidActiveChange(({ isActive }) => setActive(isActive));
    return () => subscription.dispose();
  }, [props.api]);
  return visible ? (
    <Boundary key={path}>
      <EditorPanel path={path} focus={active} />
    </Boundary>
  ) : null;
}

function ConsoleDockPanel(props: IDockviewPanelProps<PanelParams>) {
  const { path } = useParams(props);
  return useVisible(props) ? (
    <Boundary key={path}>
      <ConsolePanel path={path} />
    </Boundary>
  ) : null;
}

function Tab(props: IDockviewPanelHeaderProps<PanelParams>) {
  const { kind, path } = useParams(props);
  const dirty = useFiles((s) => s.files[path]?.dirty === true);
  const run = useRuns((s) => s.byPath[path]);
  const title = kind === "file" ? nameOf(path) : path;
  // What dockview calls the tab and its group: it must hold the words that are seen, and differ from the file's.
  const state = run ? shortLabelOf(run) : "";
  const { api } = props;
  useEffect(() => api.setTitle(kind === "file" ? title : t.console.tab(path, state)), [api, kind, title, path, state]);
  return (
    <div className={`tab tab-${kind}`} title={path} onAuxClick={(e) => e.button === 1 && closePanel(props.api.id)}>
      <span className="tab-title">{title}</span>{" "}
      {kind === "file" && dirty && <span className="dirty" title={t.files.dirty} />}
      {kind === "console" && <Badge run={run} short />}
      {/* by keyboard: Alt+W, or Delete on the tab */}
      <span className="tab-close" aria-hidden title={t.editor.closeTab(title)} onPointerDown={(e) => e.stopPropagation()} onClick={() => closePanel(props.api.id)}>
        <X size={14} />
      </span>
    </div>
  );
}

const components = { file: FilePanel, console: ConsoleDockPanel };

/** The tab strip by keyboard: arrows move, Enter and Space choose, Delete closes. */
function onTabKey(event: KeyboardEvent<HTMLElement>): void {
  const tab = event.target instanceof Element ? event.target.closest<HTMLElement>('[role="tab"]') : null;
  if (!tab || event.target !== tab) return;
  const tabs = [...(tab.parentElement?.querySelectorAll<HTMLElement>(':scope > [role="tab"]') ?? [])];
  const at = tabs.indexOf(tab);
  const go = (to: number) => tabs[(to + tabs.length) % tabs.length]?.focus();
  if (event.key === "ArrowRight") go(at + 1);
  else if (event.key === "ArrowLeft") go(at - 1);
  else if (event.key === "Home") go(0);
  else if (event.key === "End") go(-1);
  else if (event.key === "Enter" || event.key === " ") getDock()?.getPanel(tab.dataset["tabPanelId"] ?? "")?.api.setActive();
  else if (event.key === "Delete") closePanel(tab.dataset["tabPanelId"] ?? "");
  else return;
  event.preventDefault();
}

export function Dock() {
  const theme = useSettings((s) => themeInForce(s.theme));
  const detach = useRef<(() => void) | null>(null);
  useEffect(() => () => detach.current?.(), []);
  return (
    <div className="dock-keys" onKeyDown={onTabKey}>
      <DockviewReact
        className="dock"
        theme={theme === "light" ? themeLight : themeDark}
        components={components}
        defaultTabComponent={Tab as React.FunctionComponent<IDockviewPanelHeaderProps>}
        watermarkComponent={Welcome}
        disableFloatingGroups
        onReady={(event: DockviewReadyEvent) => {
          detach.current = attachDock(event.api);
        }}
      />
    </div>
  );
}

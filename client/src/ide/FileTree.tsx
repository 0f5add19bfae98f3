// The workspace's files as a tree: role "tree" with one stop of the Tab key, arrows inside, and a menu for each entry.
import { ChevronDown, ChevronRight, EllipsisVertical, File as FileIcon, FileCode, FileImage, FilePlus, FileText, Folder, FolderOpen, FolderPlus, FolderUp, Upload, Download } from "lucide-react";
import { DropdownMenu } from "radix-ui";
import { useMemo, useRef, useState, type DragEvent, type KeyboardEvent, type ReactNode } from "react";
import { languageOf } from "../lib/files/languages";
import { parentOf, toTree, type TreeNode } from "../lib/files/paths";
import { useFiles } from "../store/files";
import { isLive, useRuns } from "../store/runs";
import { openFile, runFile, useTabs } from "../store/tabs";
import { t } from "../strings";
import { createFileIn, createFolderIn, deleteEntry, downloadFile, downloadZip, moveEntry, renameEntry, takeDropped, upload } from "./fileActions";

const DRAG_TYPE = "application/x-kernelgw-path";

function Icon({ node, open }: { node: TreeNode; open: boolean }) {
  const props = { size: 16, "aria-hidden": true } as const;
  if (node.folder) return open ? <FolderOpen {...props} /> : <Folder {...props} />;
  const { id, runs } = languageOf(node.path);
  if (id === "image") return <FileImage {...props} />;
  if (runs || id === "header") return <FileCode {...props} className={`lang-${id}`} />;
  if (id === "markdown" || id === "text") return <FileText {...props} />;
  return <FileIcon {...props} />;
}

function EntryMenu({ node, onClosed }: { node: TreeNode; onClosed: () => void }) {
  const item = (label: string, act: () => void, keys?: string, danger = false): ReactNode => (
    <DropdownMenu.Item className={danger ? "menu-item danger" : "menu-item"} onSelect={act}>
      {label}
      {keys && <kbd>{keys}</kbd>}
    </DropdownMenu.Item>
  );
  const folder = node.folder ? node.path : parentOf(node.path);
  return (
    <DropdownMenu.Root onOpenChange={(open) => open || onClosed()}>
      <DropdownMenu.Trigger asChild>
        <button type="button" className="icon entry-menu" tabIndex={-1} aria-label={t.files.actionsOf(node.path)} title={t.files.more} onClick={(e) => e.stopPropagation()}>
          <EllipsisVertical size={16} aria-hidden />
        </button>
      </DropdownMenu.Trigger>
      <DropdownMenu.Portal>
        <DropdownMenu.Content className="menu" align="start" onClick={(e) => e.stopPropagation()} onKeyDown={(e) => e.stopPropagation()}>
          {!node.folder && item(t.files.open, () => openFile(node.path), "Enter")}
          {!node.folder && languageOf(node.path).runs && item(t.files.runThis, () => runFile(node.path))}
          {item(t.files.newFile, () => void createFileIn(folder))}
          {node.folder && item(t.files.newFolder, () => void createFolderIn(folder))}
          {node.folder && item(t.files.upload, () => upload(node.path, false))}
          {item(t.files.rename, () => void renameEntry(node.path, true), "F2")}
          {item(t.files.download, () => (node.folder ? void downloadZip(node.path) : downloadFile(node.path)))}
          <DropdownMenu.Separator className="menu-line" />
          {item(t.files.delete, () => void deleteEntry(node.path, true), "Del", true)}
        </DropdownMenu.Content>
      </DropdownMenu.Portal>
    </DropdownMenu.Root>
  );
}

interface Visible {
  node: TreeNode;
  level: number;
}

function flatten(nodes: TreeNode[], closed: ReadonlySet<string>, level = 1, out: Visible[] = []): Visible[] {
  for (const node of nodes) {
    out.push({ node, level });
    if (node.folder && !closed.has(node.path)) flatten(node.children, closed, level + 1, out);
  }
  return out;
}

export function FileTree() {
  const files = useFiles((s) => s.files);
  const folders = useFiles((s) => s.folders);
  const active = useTabs((s) => s.activeFile);
  const byPath = useRuns((s) => s.byPath);
  const [closed, setClosed] = useState<ReadonlySet<string>>(new Set());
  const [focused, setFocused] = useState<string | null>(null);
  const [over, setOver] = useState<string | null>(null);
  const list = useRef<HTMLDivElement>(null);
  const names = useMemo(() => Object.keys(files).join("\n"), [files]);
  const tree = useMemo(() => toTree(names === "" ? [] : names.split("\n"), folders), [names, folders]);
  const visible = useMemo(() => flatten(tree, closed), [tree, closed]);
  const stop = visible.some((v) => v.node.path === focused) ? focused : visible.some((v) => v.node.path === active) ? active : (visible[0]?.node.path ?? null);

  const focus = (path: string) => {
    setFocused(path);
    const find = () => list.current?.querySelector<HTMLElement>(`[data-path="${CSS.escape(path)}"]`);
    const now = find();
    if (now) now.focus();
    else requestAnimationFrame(() => find()?.focus()); // it is about to be drawn
  };
  const fold = (path: string, shut: boolean) =>
    setClosed((old) => {
      const next = new Set(old);
      if (shut) next.add(path);
      else next.delete(path);
      return next;
    });
  const activate = (node: TreeNode) => (node.folder ? fold(node.path, !closed.has(node.path)) : openFile(node.path));

  const onKeyDown = (event: KeyboardEvent, { node }: Visible) => {
    if (event.target !== event.currentTarget) return;
    const at = visible.findIndex((v) => v.node === node);
    const go = (to: number) => {
      const next = visible[Math.min(Math.max(0, to), visible.length - 1)];
      if (next) focus(next.node.path);
    };
    if (event.key === "ArrowDown") go(at + 1);
    else if (event.key === "ArrowUp") go(at - 1);
    else if (event.key === "Home") go(0);
    else if (event.key === "End") go(visible.length - 1);
    else if (event.key === "ArrowRight") {
      if (node.folder && closed.has(node.path)) fold(node.path, false);
      else if (node.folder) go(at + 1);
    } else if (event.key === "ArrowLeft") {
      if (node.folder && !closed.has(node.path)) fold(node.path, true);
      else if (parentOf(node.path) !== "") focus(parentOf(node.path));
    } else if (event.key === "Enter" || event.key === " ") {
      if (event.ctrlKey || event.metaKey) return;
      activate(node);
    } else if (event.key === "F2") void renameEntry(node.path, true);
    else if (event.key === "Delete") void deleteEntry(node.path, true);
    else if (event.key === "ContextMenu" || (event.key === "F10" && event.shiftKey))
      event.currentTarget.querySelector<HTMLElement>(".entry-menu")?.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", bubbles: true }));
    else return;
    event.preventDefault();
    event.stopPropagation();
  };

  const onDragOver = (event: DragEvent, folder: string) => {
    if (!event.dataTransfer.types.some((type) => type === DRAG_TYPE || type === "Files")) return;
    event.preventDefault();
    event.stopPropagation();
    setOver(folder);
  };
  const onDrop = (event: DragEvent, folder: string) => {
    event.preventDefault();
    event.stopPropagation();
    setOver(null);
    const from = event.dataTransfer.getData(DRAG_TYPE);
    if (from !== "") moveEntry(from, folder);
    else void takeDropped(event.dataTransfer, folder);
  };

  const tool = (label: string, icon: ReactNode, act: () => void) => (
    <button type="button" className="icon" title={label} aria-label={label} onClick={act}>
      {icon}
    </button>
  );
  return (
    <div className={over === "" ? "files over" : "files"} onDragOver={(e) => onDragOver(e, "")} onDragLeave={() => setOver(null)} onDrop={(e) => onDrop(e, "")}>
      <div className="files-head">
        <h2>{t.files.title}</h2>
        <span className="space" />
        {tool(t.files.newFile, <FilePlus size={16} aria-hidden />, () => void createFileIn(""))}
        {tool(t.files.newFolder, <FolderPlus size={16} aria-hidden />, () => void createFolderIn(""))}
        {tool(t.files.upload, <Upload size={16} aria-hidden />, () => upload("", false))}
        {tool(t.files.uploadFolder, <FolderUp size={16} aria-hidden />, () => upload("", true))}
        {tool(t.files.downloadZip, <Download size={16} aria-hidden />, () => void downloadZip(""))}
      </div>
      {visible.length === 0 && <p className="hint">{t.files.empty}</p>}
      <div ref={list} role="tree" aria-label={t.files.tree} className="tree" hidden={visible.length === 0}>
        {visible.map((v) => {
          const { node, level } = v;
          const open = node.folder && !closed.has(node.path);
          const folder = node.folder ? node.path : parentOf(node.path);
          const dirty = files[node.path]?.dirty === true;
          const live = isLive(byPath[node.path]);
          return (
            <div
              key={node.path}
              role="treeitem"
              data-path={node.path}
              aria-level={level}
              aria-expanded={node.folder ? open : undefined}
              aria-selected={node.path === active}
              aria-label={`${node.name}${dirty ? `, ${t.files.dirty}` : ""}${live ? `, ${t.files.runningNow}` : ""}`}
              tabIndex={node.path === stop ? 0 : -1}
              className={`entry${node.path === active ? " active" : ""}${over === node.path && node.folder ? " over" : ""}`}
              style={{ paddingLeft: 4 + (level - 1) * 14 }}
              draggable
              onDragStart={(e) => {
                e.dataTransfer.setData(DRAG_TYPE, node.path);
                e.dataTransfer.effectAllowed = "move";
              }}
              onDragOver={(e) => onDragOver(e, folder)}
              onDrop={(e) => onDrop(e, folder)}
              onFocus={() => setFocused(node.path)}
              onClick={() => activate(node)}
              onKeyDown={(e) => onKeyDown(e, v)}
            >
              <span className="twist" aria-hidden>
                {node.folder && (open ? <ChevronDown size={14} /> : <ChevronRight size={14} />)}
              </span>
              <Icon node={node} open={open} />
              <span className="name">{node.name}</span>
              {live && <span className="dot live" aria-hidden />}
              {dirty && <span className="dirty" aria-hidden title={t.files.dirty} />}
              <EntryMenu node={node} onClosed={() => focus(node.path)} />
            </div>
          );
        })}
      </div>
    </div>
  );
}

// What a file's tab shows: the editor, or a preview of what is not, or not only, text.
import { Eye, FileText } from "lucide-react";
import { useState } from "react";
import { sizeText } from "../lib/files/content";
import { previewOf } from "../lib/files/languages";
import { lazily } from "../ide/lazily";
import { useFiles } from "../store/files";
import { t } from "../strings";

const CodeEditor = lazily(() => import("./CodeEditor"));
const Preview = lazily(() => import("./Preview"));

export function EditorPanel({ path, focus }: { path: string; focus: boolean }) {
  const node = useFiles((s) => s.files[path]);
  const preview = previewOf(path);
  const [showsPreview, setShowsPreview] = useState(preview === "image" || preview === "pdf");
  if (!node) return <p className="hint">{t.editor.gone}</p>;
  if (!node.text && !preview) return <p className="hint">{t.editor.binary(sizeText(node.size))}</p>;
  const both = node.text && preview !== undefined;
  const previewing = preview !== undefined && (showsPreview || !node.text);
  return (
    <div className="editor-panel">
      {both && (
        <div className="editor-tools">
          <button type="button" className="small" aria-pressed={previewing} onClick={() => setShowsPreview(!showsPreview)}>
            {previewing ? <FileText size={14} aria-hidden /> : <Eye size={14} aria-hidden />} {previewing ? t.editor.source : t.editor.preview}
          </button>
        </div>
      )}
      {previewing && preview ? <Preview path={path} kind={preview} /> : <CodeEditor path={path} focus={focus} />}
    </div>
  );
}

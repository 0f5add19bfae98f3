import ReactMarkdown from "react-markdown";
import remarkGfm from "remark-gfm";
import { t } from "../strings";

export default function Markdown({ text }: { text: string }) {
  return (
    <div className="preview markdown" tabIndex={0} role="region" aria-label={t.editor.preview}>
      <ReactMarkdown remarkPlugins={[remarkGfm]} components={{ a: ({ children, href }) => <a href={href} target="_blank" rel="noopener noreferrer">{children}</a> }}>
        {text}
      </ReactMarkdown>
    </div>
  );
}
